"""How a file of products is read: what is a row, what is rejected, what condemns the file."""

import csv
import io
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.commands import REASONS
from catalog.operations.reading import (
    LINE_BYTES,
    ROW_LINES,
    FileRefused,
    HeaderWrong,
    Row,
    Truncated,
    Undecodable,
    rows_of,
)
from chassis.text.folding import is_seen
from contracts.catalog.api import DESIGNATION_LENGTH, REFERENCE_LENGTH, RejectedRow

HEADER = b"reference,designation,on_sale\n"


def read(rows: str | bytes, header: bytes = HEADER) -> list[Row | RejectedRow]:
    return list(rows_of(io.BytesIO(header + (rows if isinstance(rows, bytes) else rows.encode()))))


def refused(rows: str | bytes, header: bytes = HEADER) -> FileRefused:
    with pytest.raises(FileRefused) as refusal:
        read(rows, header)
    return refusal.value


def rejections(rows: str | bytes) -> list[tuple[int, str, str]]:
    return [
        (row.line, row.reference, row.reason) for row in read(rows) if isinstance(row, RejectedRow)
    ]


def test_a_row_says_what_is_sold():
    assert read("A-1,Une chose,true\nA-2,Une autre,false\n") == [
        Row(2, "A-1", "Une chose", True),
        Row(3, "A-2", "Une autre", False),
    ]


@pytest.mark.parametrize(
    "header",
    [
        b"\xef\xbb\xbfreference,designation,on_sale\n",
        b"reference,designation,on_sale\r\n",
        b'"reference","designation","on_sale"\n',
    ],
    ids=["a byte order mark", "CRLF", "quotes"],
)
def test_a_header_may_be_written_as_spreadsheets_do(header):
    assert read("A-1,Une chose,true\n", header) == [Row(2, "A-1", "Une chose", True)]


@pytest.mark.parametrize("file", [HEADER, HEADER.rstrip(), b"\xef\xbb\xbf" + HEADER])
def test_a_header_alone_is_a_file_without_products(file):
    assert list(rows_of(io.BytesIO(file))) == []


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\n",
        b"ref,name,on_sale\n",
        b"designation,reference,on_sale\n",
        b"reference;designation;on_sale\n",
        b"reference,designation\n",
        b"reference,designation,on_sale,price\n",
        b"Reference,Designation,On_sale\n",
        b'"reference,designation,on_sale\n',
        b"reference,designation,on_sale\rA-1,Une chose,true\r",
        b"\n" + HEADER,
        b"x" * 3 * LINE_BYTES + b"\n",
    ],
)
def test_a_wrong_header_condemns_the_file(header):
    refusal = refused(b"A-1,Une chose,true\n" if header else b"", header)

    assert isinstance(refusal, HeaderWrong)
    assert refusal.code == "import_header_wrong"
    fields = {"line": 1, "column": 1, "expected": "reference,designation,on_sale"}
    assert refusal.context == fields


@pytest.mark.parametrize(
    ("rows", "line", "column"),
    [
        (b"A-1,Une chose,true\nA-2,\xff\xfe,true\n", 3, 5),
        ("A-1,Été ".encode() + b"\xe9\n", 2, 9),
        (b'A-1,"un\ndeux \xc3(",true\n', 3, 6),
        (b"A-1,\xed\xa0\x80,true\n", 2, 5),  # half a surrogate pair
        (b"x" * 2 * LINE_BYTES + b"\xff\n", 2, 2 * LINE_BYTES + 1),
        (b"\xe9" * 2 * LINE_BYTES, 2, 1),
    ],
)
def test_undecodable_bytes_condemn_the_file_and_are_named(rows, line, column):
    refusal = refused(rows)

    assert isinstance(refusal, Undecodable)
    assert refusal.code == "import_undecodable"
    assert refusal.context == {"line": line, "column": column}


def test_a_file_in_utf_16_is_undecodable():
    assert refused(b"", "reference,designation,on_sale\n".encode("utf-16")).context["column"] == 1


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ("A-1,Une chose,true\nA-2,Une aut", 3),
        ("A-1,Une chose,true\nA-2", 3),
        ("A-1,Une chose,true\nA-2,Une autre,", 3),
        ("A-1,Une chose,true\nA-2,Une autre,fals", 3),
        ('A-1,Une chose,true\nA-2,"Une autre', 3),
        ('A-1,Une chose,true\nA-2,"Une autre\n', 3),
        ('A-1,Une chose,true\nA-2,"Une autre\n\nsur trois lignes\n', 3),
        (b"A-1,Une chose,true\nA-2,Une autre,true\xc3", 3),  # within a letter
    ],
)
def test_a_truncated_last_row_condemns_the_file(rows, line):
    refusal = refused(rows)

    assert isinstance(refusal, Truncated)
    assert refusal.code == "import_truncated"
    assert refusal.context == {"line": line}


def test_a_whole_last_row_needs_no_line_end():
    assert read("A-1,Une chose,true") == [Row(2, "A-1", "Une chose", True)]


def test_a_last_row_that_no_cut_explains_is_rejected_alone():
    assert rejections("A-1,Une chose,true,4\nA-2,Une chose,maybe") == [
        (2, "A-1", "row_columns"),
        (3, "A-2", "on_sale_unreadable"),
    ]


@pytest.mark.parametrize(
    ("row", "reference", "reason"),
    [
        ("A-1,Une chose", "A-1", "row_columns"),
        ("A-1,Une chose,true,9", "A-1", "row_columns"),
        (" ", "", "row_columns"),
        (",Une chose,true", "", "reference_empty"),
        ("  ,Une chose,true", "", "reference_empty"),
        ("A-1,,true", "A-1", "designation_empty"),
        ("A-1, \t,true", "A-1", "designation_empty"),
        ("A-1,Une chose,True", "A-1", "on_sale_unreadable"),
        ("A-1,Une chose, true", "A-1", "on_sale_unreadable"),
        ("A-1,Une chose,1", "A-1", "on_sale_unreadable"),
        ("A-1,Une chose,", "A-1", "on_sale_unreadable"),
        ("A\0-1,Une chose,true", "A\ufffd-1", "text_nul"),
        ("A-1,Une\0chose,true", "A-1", "text_nul"),
        (f"{'A' * (REFERENCE_LENGTH + 1)},Une chose,true", "A" * 500, "reference_too_long"),
        (f"A-1,{'é' * (DESIGNATION_LENGTH + 1)},true", "A-1", "designation_too_long"),
        (f"A-1,{'x' * 3 * LINE_BYTES},true", "", "row_too_long"),
        ('A-1,"Une" chose,true', "", "row_malformed"),
        ("A-1,Une\rchose,true", "", "row_malformed"),
    ],
)
def test_a_bad_row_is_rejected_with_line_and_reason(row, reference, reason):
    before, bad, after = read(f"A-0,Avant,true\n{row}\nA-9,Après,true\n")

    found = row.split(",")[2] if reason == "on_sale_unreadable" else ""
    assert bad == RejectedRow(line=3, reference=reference, reason=reason, found=found)
    assert reason in REASONS, "nobody tells it in words"
    assert (before, after) == (Row(2, "A-0", "Avant", True), Row(4, "A-9", "Après", True))


def test_the_longest_reference_and_designation_are_good():
    reference, designation = "é" * REFERENCE_LENGTH, '"' * DESIGNATION_LENGTH
    quoted = designation.replace('"', '""')

    assert read(f'{reference},"{quoted}",true\n') == [Row(2, reference, designation, True)]


def test_references_are_trimmed_at_both_ends_and_kept_inside():
    inside = "A  1\u200b\N{NON-BREAKING HYPHEN}2"

    [row] = read(f" \t{inside}\u00a0 ,  Une chose ,true\n")

    assert row == Row(2, inside, "Une chose", True)


def test_a_designation_may_have_line_breaks_and_lines_are_still_counted():
    rows = read('A-1,"un\r\ndeux\n\ntrois",true\nA-2,bad\nA-3,"2 ""pouces""",false\r\n')

    assert rows == [
        Row(2, "A-1", "un\r\ndeux\n\ntrois", True),
        RejectedRow(line=6, reference="A-2", reason="row_columns"),
        Row(7, "A-3", '2 "pouces"', False),
    ]


def test_a_quote_inside_a_field_without_quotes_is_itself():
    assert read('A-1,Écran 27" mat,true\n') == [Row(2, "A-1", 'Écran 27" mat', True)]


def test_only_line_feeds_end_lines():
    rows = read("A-1,un\u2028deux\x0b\x85trois,true\nA-2,bad\n")

    assert rows[0] == Row(2, "A-1", "un\u2028deux\x0b\x85trois", True)
    assert rows[1] == RejectedRow(line=3, reference="A-2", reason="row_columns")


def test_empty_lines_say_nothing_but_are_counted():
    assert read("\n\r\nA-1,Une chose,true\n\nA-2,bad\n\n") == [
        Row(4, "A-1", "Une chose", True),
        RejectedRow(line=6, reference="A-2", reason="row_columns"),
    ]


@pytest.mark.parametrize("end", ["\n", '\nA-4,"Une 3""",true\n'])
def test_a_stray_quote_costs_its_own_line_only(end):
    rows = read('A-1,"Une chose,true\nA-2,"Une autre",true\nA-3,Encore une,false' + end)

    assert rows[:3] == [
        RejectedRow(line=2, reference="", reason="row_malformed"),
        Row(3, "A-2", "Une autre", True),
        Row(4, "A-3", "Encore une", False),
    ]


def test_a_stray_quote_leaves_all_lines_behind_it_to_be_read():
    assert rejections('A-1,"Une,true\na","b\nc"d\n') == [
        (2, "", "row_malformed"),
        (3, "", "row_malformed"),
        (4, 'c"d', "row_columns"),
    ]


def test_a_row_may_have_so_many_lines():
    breaks = "\n" * (ROW_LINES - 1)
    assert read(f'A-1,"Une chose{breaks}",true\n') == [Row(2, "A-1", "Une chose", True)]


def test_a_stray_quote_far_from_the_end_does_not_swallow_the_file():
    rows = read('A,"Une chose,true\n' + "".join(f"B-{n},Une autre,true\n" for n in range(500)))

    assert rows[0] == RejectedRow(line=2, reference="", reason="row_malformed")
    assert [row.reference for row in rows[1:]] == [f"B-{n}" for n in range(500)]


letters = st.characters(
    exclude_characters="\ufffd\u2028\u2029", exclude_categories=["Cs", "Cc", "Cf", "Cn"]
)
references = st.text(letters, max_size=20).filter(is_seen)
designations = st.text(letters | st.sampled_from('\n\r\t,"'), max_size=20).filter(is_seen)
good_rows = st.lists(st.tuples(references, designations, st.booleans()), max_size=8)


WRITERS = [("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]


@given(good_rows, st.sampled_from(WRITERS))
def test_what_a_spreadsheet_writes_is_read_as_it_was(rows: Any, writes: Any):
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=writes[0], quoting=writes[1])
    writer.writerows([reference, name, str(on_sale).lower()] for reference, name, on_sale in rows)

    assert [tuple(row)[1:] for row in read(written.getvalue())] == [
        (reference.strip(), name.strip(), on_sale) for reference, name, on_sale in rows
    ]


@given(st.text(st.sampled_from('",\n\r Aé'), max_size=60))
def test_every_line_of_any_file_is_read_or_rejected(text: str):
    try:
        rows = read(text)
    except Truncated:
        return
    lines = [row.line for row in rows]
    assert lines == sorted(set(lines))
    assert all(2 <= line <= text.count("\n") + 2 for line in lines)


class Endless(io.RawIOBase):
    """Many megabytes of rows that are nowhere as a whole."""

    def __init__(self, row: bytes, count: int) -> None:
        self.row, self.left = row, count
        self.rest = HEADER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self.left and len(self.rest) < len(buffer):
            self.rest += self.row
            self.left -= 1
        given, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


@pytest.mark.parametrize(
    ("row", "count"),
    [
        (b"A-1," + b"x" * 990 + b",true\n", 5_000),
        (b"x" * 1_000, 20_000),
        (b'A,"' + b"b" * 990 + b"\n", 5_000),
    ],
    ids=["good rows", "one endless line", "open quotes"],
)
def test_reading_takes_little_memory_however_long_the_file(row, count):
    tracemalloc.start()
    try:
        for _ in rows_of(io.BufferedReader(Endless(row, count))):
            pass
    except Truncated:
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 500_000
