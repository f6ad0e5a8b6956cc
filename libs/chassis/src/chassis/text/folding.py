"""Folding, the one rule of all searches: ignores case, accents, separators and invisible
characters.

It exists in Python (`fold`, for pages) and in SQL (`function`, for columns and indexes). Both are
built from the constants below and compared by `tests/test_folding.py`.

A folded text is in lower case. Its separators are « - » inside a word and a blank between words,
never more than one in a row, and none at either end: « L’écran  Wi‑Fi – 27" » becomes
« l-ecran wi-fi 27 ».
"""

import functools
import re
import unicodedata
from collections.abc import Iterable

# Classes of regular expressions, read alike by Python and PostgreSQL, of decomposed characters.
BLANKS = r"\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2028\u2029\u2800"
HYPHENS = (
    r"\-\u02d7\u058a\u05be\u1400\u1806\u2010-\u2015\u2043\u207b\u208b\u2212\u2e17\u2e1a"
    r"\u2e3a\u2e3b\u2e40\u2e5d\u301c\u3030\u30a0\U00010d6e\U00010ead"
)
SLASHES = r"/\\\u2044\u2215\u2216\u29f5\u29f8\u29f9"
DOTS = r".\u00b7\u0387\u2022\u2024\u2027\u2219\u22c5\u3002\u30fb"
# Also double ones: 27", 27” and 27'' are 27 inches.
APOSTROPHES = (
    r"'`\"\u00ab\u00bb\u02b9-\u02bf\u02c8\u02ca\u02cb\u02ee\u0374\u055a\u05f3\u05f4\u2018-\u201f"
    r"\u2032-\u2037\u2039\u203a\u275b-\u275e\u301d-\u301f\ua78b\ua78c"
)
SEPARATORS = HYPHENS + SLASHES + DOTS + APOSTROPHES
# Signs that cannot be seen (control signs, joiners, directions, fillers, variation selectors),
# then accents and points of scripts that are read without them.
UNSEEN = (
    r"\u0001-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4"
    r"\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
ACCENTS = (
    r"\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a"
    r"\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff"
    r"\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)

# Replaced before decomposition, which would turn them into a blank or unusual letters.
APART = {
    **{"\u00b4": "'", "\u1ffd": "'", "\u1fbd": "'", "\u1fbf": "'"},  # accents that stand alone
    **{"™": "", "℠": "", "®": "", "©": ""},
}
# Letters that Unicode does not decompose; « 1920×1080 » is typed with an x.
LETTERS = {
    **{"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ŧ": "t", "ŋ": "n", "ĸ": "k"},
    **{"ƀ": "b", "ƶ": "z", "ɨ": "i", "ς": "σ", "×": "x"},
    **{"œ": "oe", "æ": "ae", "ß": "ss", "þ": "th"},
}

GONE = re.compile(f"[{UNSEEN}{ACCENTS}]")
BLANK = re.compile(f"[{BLANKS}]")
SEPARATOR = re.compile(f"[{SEPARATORS}]")


def fold(text: str) -> str:
    return fold_with_origins(unicodedata.normalize("NFKD", text.translate(APART_TABLE)))[0]


def fold_with_origins(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the index in `text` that it comes from."""
    folded, origins = "", list[int]()
    separator, between = "", 0  # waits for a character that follows
    for index, character in enumerate(text):
        for part in fold_character(character):
            if part in " -":
                separator, between = (" " if " " in (part, separator) else "-"), index
                continue
            if separator and folded:
                folded += separator
                origins.append(between)
            separator = ""
            folded += part
            origins.append(index)
    return folded, origins


@functools.lru_cache(maxsize=4_096)
def fold_character(character: str) -> str:
    """The folded text: letters, digits and signs; a blank or « - » for a separator."""
    decomposed = unicodedata.normalize("NFKD", APART.get(character, character))
    small = "".join(each.lower() for each in GONE.sub("", decomposed))
    plain = "".join(LETTERS.get(each, each) for each in small)
    return SEPARATOR.sub("-", BLANK.sub(" ", plain))


# --- Words ------------------------------------------------------------------------------------


def words_of(text: str) -> list[str]:
    """The words of a typed text, each once, without the separators inside them."""
    return list(dict.fromkeys(fold(text).replace("-", "").split()))


def count_letters(text: str) -> int:
    """How many letters and digits the text has: searches need a minimum."""
    return sum(map(str.isalnum, fold(text)))


MAX_WORDS = 20  # further words are ignored: a statement grows with each
TRIGRAM = re.compile(r"[^\W_]{3}")
LONGEST_PIECE = 2


def has_trigrams(word: str) -> bool:
    """Whether an index of trigrams narrows a search for this word."""
    return TRIGRAM.search(word) is not None


def pieces_of(words: Iterable[str]) -> list[str]:
    """For an index of pieces: short words, and each character of longer ones."""
    return [piece for word in words for piece in ([word] if len(word) <= LONGEST_PIECE else word)]


def is_seen(text: str) -> bool:
    """Whether any of its characters is visible."""
    return bool(BLANK.sub("", GONE.sub("", text)).strip())


def pattern_of(word: str) -> str:
    """A pattern that finds a word in a folded text, for `re` and for PostgreSQL's `~`.

    Any part of a word is found, whatever separators it is written with: `b1234` in `ab12-34`.
    Only from the beginning of a word does it reach across blanks: `i712700k` in `i7 12700k`, but
    no `rei` in `core i7`. One or two characters cross separators from the beginning only.
    """
    part = ("-?" if len(word) > 2 else "").join(map(re.escape, word))
    return f"{part}|{beginning_of(word)}"


def beginning_of(word: str) -> str:
    """A pattern that finds it at the beginning of a word, or after a separator or a sign."""
    return rf"(?<![^\W_]){'[ -]?'.join(map(re.escape, word))}"


# --- SQL --------------------------------------------------------------------------------------

APART_TABLE = str.maketrans(APART)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def translated(sql: str, table: dict[str, str]) -> str:
    """`translate` takes characters one by one; for what becomes several there is `replace`."""
    ones = sorted((one for one in table if len(table[one]) < 2), key=lambda one: not table[one])
    to = "".join(table[one] for one in ones)
    sql = f"translate({sql}, {quoted(''.join(ones))}, {quoted(to)})"
    for one in (one for one in table if len(table[one]) > 1):
        sql = f"replace({sql}, {quoted(one)}, {quoted(table[one])})"
    return sql


def function() -> str:
    """`fold(text)` for a database; its case is Unicode's whatever the locale of the database."""
    seen = f"regexp_replace(normalize({translated('$1', APART)}, NFKD), {quoted(GONE.pattern)}, '', 'g')"
    plain = translated(f"lower({seen} COLLATE pg_catalog.pg_c_utf8)", LETTERS)
    between = quoted(f"[{SEPARATORS}]*[{BLANKS}][{SEPARATORS}{BLANKS}]*")
    inside = quoted(f"[{SEPARATORS}]+")
    return f"""
        CREATE OR REPLACE FUNCTION fold(text) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN btrim(regexp_replace(regexp_replace({plain}, {between}, ' ', 'g'), {inside}, '-', 'g'), ' -')
    """


def pieces_function() -> str:
    """`pieces(text)` for a database: what words of one or two characters find in a folded text.

    These are all single characters, and two that follow each other inside a word, or across a
    separator where the first of them begins and ends a word: « t1 » is a piece of « t 1 ».
    """
    return r"""
        CREATE FUNCTION pieces(folded text) RETURNS text[]
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
            SELECT string_to_array(folded, NULL)
                || string_to_array(regexp_replace(words, '([^ \n-]{2})', '\1 ', 'g'), ' ')
                || string_to_array(regexp_replace(
                    regexp_replace(words, '(^|[ \n-])[^ \n-]', '\1', 'g'),
                    '([^ \n-]{2})', '\1 ', 'g'), ' ')
            FROM (SELECT translate(
                regexp_replace(folded, '(?<![^\W_])([^ \n-])[ -](?=[^ \n-])', '\1', 'g'),
                E'-\n', '  ')) AS joined (words)
        $$
    """
