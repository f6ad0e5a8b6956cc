"""Parses a CSV of products: good rows, rejected rows, or a refusal of the whole file.

The dialect is that of Python's csv in strict mode: UTF-8 (with or without a byte order mark), lines
end with LF or CRLF, fields are quoted where they hold a comma, a quote (doubled) or a line break.
Empty lines are skipped. If a row cannot be parsed, only its first line is rejected and parsing
continues with the next line, so that a stray quote does not swallow the rows behind it.
"""

import csv
import re
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Iterator
from typing import IO, NamedTuple

from chassis.errors import Malformed
from chassis.text.folding import is_seen
from contracts.catalog.api import DESIGNATION_LENGTH, REFERENCE_LENGTH, RejectedRow

HEADER = ["reference", "designation", "on_sale"]
ON_SALE = ("true", "false")
# More than any good row has, and little enough that memory stays flat.
LINE_BYTES = 16_384
ROW_LINES = 100
FOUND_LENGTH = 40

# Control signs (a designation may have lines), what is no character, and what stands for one that
# was lost on the way. Unpaired surrogates are not UTF-8: they condemn the file.
CONTROL = r"\x01-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffd-\uffff"
NO_TEXT = re.compile(f"[{CONTROL}]")
NO_REFERENCE = re.compile(rf"[{CONTROL}\t-\r\x85\u2028\u2029]")
# They turn the page around them unless each is closed.
OPENING, CLOSING = (
    re.compile("[\u202a\u202b\u202d\u202e\u2066-\u2068]"),
    re.compile("[\u202c\u2069]"),
)


class FileRefused(Malformed):
    """The file as a whole is invalid: nothing is imported."""

    code = "import_refused"


class HeaderWrong(FileRefused):
    code = "import_header_wrong"

    def __init__(self) -> None:
        super().__init__(
            f"line 1 is not {','.join(HEADER)}",
            context={"line": 1, "column": 1, "expected": ",".join(HEADER)},
        )


class Undecodable(FileRefused):
    code = "import_undecodable"

    def __init__(self, line: int, column: int) -> None:
        super().__init__(
            f"line {line}, column {column}: these bytes are not UTF-8",
            context={"line": line, "column": column},
        )


class Truncated(FileRefused):
    code = "import_truncated"

    def __init__(self, line: int) -> None:
        super().__init__(
            f"the file ends in the middle of the row of line {line}", context={"line": line}
        )


class Row(NamedTuple):
    """A good row; references are trimmed at both ends only."""

    line: int
    reference: str
    designation: str
    on_sale: bool


class Line(NamedTuple):
    """A physical line with its line end; only its first `LINE_BYTES` are read."""

    number: int
    text: str
    too_long: bool

    @property
    def is_last(self) -> bool:
        """A row that only the end of the file ends."""
        return not self.too_long and not self.text.endswith("\n")


def rows_of(file: IO[bytes]) -> Iterator[Row | RejectedRow]:
    """The rows of the file in order; raises `FileRefused`."""
    lines = lines_of(file)
    check_header(next(lines, None))
    open_row: list[Line] = []
    waiting: deque[Line] = deque()
    for line in lines:
        waiting.append(line)
        while waiting:
            open_row.append(waiting.popleft())
            try:
                fields = fields_of(open_row)
            except csv.Error:
                bad, *again = open_row
                yield rejected(bad.number, "row_too_long" if bad.too_long else "row_malformed")
                waiting.extendleft(reversed(again))
            else:
                if fields is None:
                    continue
                if fields:
                    yield judged(open_row, fields)
            open_row = []
    if open_row:
        raise Truncated(open_row[0].number)


def check_header(first: Line | None) -> None:
    try:
        found = first and fields_of([first])
    except csv.Error:
        found = None
    if found != HEADER:
        raise HeaderWrong


# --- Lines ------------------------------------------------------------------------------------


def lines_of(file: IO[bytes]) -> Iterator[Line]:
    number = 0
    while piece := file.readline(LINE_BYTES):
        number += 1
        decoder = Decoder(number)
        text = decoder.decode(piece)
        while not is_end(piece):
            piece = file.readline(LINE_BYTES)
            decoder.decode(piece)
        text = text.removeprefix("\ufeff") if number == 1 else text
        yield Line(number, text, too_long=decoder.column > LINE_BYTES)


def is_end(piece: bytes) -> bool:
    """Whether the line ends here, or the file."""
    return piece.endswith(b"\n") or len(piece) < LINE_BYTES


class Decoder:
    """Decodes a line piece by piece; reports invalid bytes with line and column."""

    def __init__(self, line: int) -> None:
        self.line, self.column = line, 0
        self.utf8 = getincrementaldecoder("utf-8")()

    def decode(self, piece: bytes) -> str:
        try:
            text = self.utf8.decode(piece, final=is_end(piece))
        except UnicodeDecodeError as wrong:
            if wrong.reason == "unexpected end of data" and not piece.endswith(b"\n"):
                raise Truncated(self.line) from wrong
            good = wrong.object[: wrong.start].decode()
            raise Undecodable(self.line, self.column + len(good) + 1) from wrong
        self.column += len(text)
        return text


# --- Rows -------------------------------------------------------------------------------------


def fields_of(row: list[Line]) -> list[str] | None:
    """The fields of a row; None while a quote is open, an empty list for an empty line.

    Raises `csv.Error` if these lines are no row and further lines would not make them one.
    """
    last = row[-1]
    if last.too_long or len(row) > ROW_LINES:
        raise csv.Error("too long")
    if '"' not in last.text and len(row) > 1:
        return None  # what is open stays open
    if '"' not in last.text and "\r" not in last.text:
        return last.text.removesuffix("\n").split(",") if last.text != "\n" else []
    try:
        return next(csv.reader(["".join(line.text for line in row)], strict=True))
    except csv.Error as error:
        if str(error) == "unexpected end of data":
            return None
        raise


def judged(row: list[Line], fields: list[str]) -> Row | RejectedRow:
    line = row[0].number
    reason = reason_to_reject(fields)
    if reason is None:
        reference, designation, on_sale = fields
        return Row(line, reference.strip(), designation.strip(), on_sale == "true")
    if row[-1].is_last and is_cut(fields):
        raise Truncated(line)
    found = fields[2] if reason == "on_sale_unreadable" else ""
    return rejected(line, reason, fields[0].strip(), found)


def reason_to_reject(fields: list[str]) -> str | None:
    """A stable code, if the row is not a good one."""
    if len(fields) != len(HEADER):
        return "row_columns"
    reference, designation = fields[0].strip(), fields[1].strip()
    checks = (
        ("text_nul", "\0" in reference or "\0" in designation),
        ("reference_control", NO_REFERENCE.search(reference) is not None),
        ("designation_control", NO_TEXT.search(designation) is not None),
        ("text_direction", not all(map(is_closed, (reference, designation)))),
        ("reference_empty", not is_seen(reference)),
        ("reference_too_long", len(reference) > REFERENCE_LENGTH),
        ("designation_empty", not is_seen(designation)),
        ("designation_too_long", len(designation) > DESIGNATION_LENGTH),
        ("on_sale_unreadable", fields[2] not in ON_SALE),
    )
    return next((code for code, wrong in checks if wrong), None)


def is_cut(fields: list[str]) -> bool:
    """Whether a row without a line end may be the beginning of a longer one."""
    if len(fields) < len(HEADER):
        return True
    return len(fields) == len(HEADER) and any(
        word != fields[2] and word.startswith(fields[2]) for word in ON_SALE
    )


def is_closed(text: str) -> bool:
    """Whether every change of direction in it is closed."""
    return len(OPENING.findall(text)) == len(CLOSING.findall(text))


def rejected(line: int, reason: str, reference: str = "", found: str = "") -> RejectedRow:
    shown = NO_REFERENCE.sub("\N{REPLACEMENT CHARACTER}", reference.replace("\0", "\ufffd"))
    return RejectedRow(
        line=line,
        reference=shown[:REFERENCE_LENGTH],
        reason=reason,
        found=found.replace("\0", "\ufffd")[:FOUND_LENGTH],
    )
