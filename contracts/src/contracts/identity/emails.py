"""E-mail addresses: however one is typed, pasted or completed, it has one form and one key."""

import difflib
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from urllib.parse import unquote

import email_validator
import idna
from pydantic_core import PydanticCustomError

JOINERS = "\u200c\u200d"  # invisible, but part of some Persian and Indian domains
# Displayed as nothing, though their Unicode category does not show it.
BLANK_LETTERS = {"\u034f", "\u115f", "\u1160", "\u2800", "\u3164", *map(chr, range(0xFE00, 0xFE10))}
# What telephones and word processors put for it.
TYPED_FOR = {
    **dict.fromkeys("‘’‛′´", "'"),
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‐‑‒–—−﹣", "-"),
    **dict.fromkeys("。｡", "."),
}
WIDTHS_AND_FONTS = ("<wide>", "<narrow>", "<small>", "<font>", "<compat>")
BEFORE, BEHIND = " \"'<([{,;:", " \"'>)]},;:.!?"
MAIL_LINK = re.compile(r"mailto\s*:\s*", re.IGNORECASE)
NAMED = re.compile(r"[<(\[]\s*((?:mailto\s*:)?[^<>()\[\]@]+@[^<>()\[\]@]+)[>)\]]$", re.IGNORECASE)
REMARK = re.compile(r"(?<=\S)\s*\([^()@]*\)$")  # a name behind, as old mail programs write it

# Letters of other alphabets that look like ours.
LOOKALIKES = str.maketrans(
    "асԁеһіјӏорԛѕԝхуАВСЕНІЈКМОРЅТХαικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "acdehijlopqswxyABCEHIJKMOPSTXaikvoptuxABEZHIKMNOPTYX",
)
TOGETHER = {"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"}  # also with ours

# Where most people in France have their mail, and where their slips lead.
MAIL_DOMAINS = (
    "gmail.com", "orange.fr", "wanadoo.fr", "hotmail.fr", "hotmail.com", "free.fr", "sfr.fr",
    "laposte.net", "outlook.fr", "outlook.com", "live.fr", "live.com", "yahoo.fr", "yahoo.com",
    "icloud.com", "me.com", "mac.com", "msn.com", "bbox.fr", "neuf.fr", "numericable.fr",
    "aliceadsl.fr", "cegetel.net", "club-internet.fr", "aol.com", "mail.com", "proton.me",
    "protonmail.com", "gmx.fr", "gmx.com", "gmx.net", "ymail.com", "yahoo.co.uk", "hotmail.be",
    "live.be", "outlook.be", "skynet.be", "bluewin.ch",
)  # fmt: skip
CLOSE = 0.8


@dataclass(frozen=True)
class Address:
    """The name as it was typed; the domain as people read it, and as mail servers do."""

    name: str
    domain: str
    ascii_domain: str


def read_email(text: str) -> str:
    """The form in which an address is stored and shown: that of the person, the domain lowered and
    with its accents (IDNA 2008).

    Refused with `email_without_at`, `email_without_ending`, `email_malformed`, or
    `email_letters_mixed` for letters that pretend to be others.
    """
    plain = plainly(text)
    name, at, domain = plain.rpartition("@")
    if not at:
        raise PydanticCustomError("email_without_at", "an address contains an @")
    if name and re.fullmatch(r"[\w-]+", domain):
        raise PydanticCustomError("email_without_ending", "the end of the address is missing")
    address = parsed(plain)
    if address is None:
        raise PydanticCustomError("email_malformed", "not an e-mail address")
    if any(map(mixes_alphabets, [address.name, *address.domain.split(".")])):
        raise PydanticCustomError("email_letters_mixed", "letters of several alphabets in one word")
    return f"{address.name}@{address.domain}"


def email_key(text: str) -> str:
    """What all spellings of one address have in common, and no other address has.

    Any text has one: what is no address is compared as it is, and is nobody's.
    """
    plain = plainly(text)
    address = parsed(plain)
    if address is None:
        return fold_case(plain)
    return f"{fold_case(address.name)}@{address.ascii_domain}"


def mail_form(email: str) -> tuple[str, str]:
    """Name and domain for a mail's envelope and headers, the domain as every mail server reads it.

    Raises ValueError for what no mail can be sent to.
    """
    address = parsed(email)
    if address is None:
        raise ValueError("no mail can be written to this address")
    return address.name, address.ascii_domain


def parsed(plain: str) -> Address | None:
    name, at, domain = plain.rpartition("@")
    if not at or any(unicodedata.normalize("NFKC", each) != each for each in (name, domain)):
        return None
    try:
        found = email_validator.validate_email(
            f"{without(JOINERS, name)}@{without_stray_joiners(domain)}", check_deliverability=False
        )
    except email_validator.EmailNotValidError:
        return None
    return Address(found.local_part, found.domain, found.ascii_domain)


def fold_case(name: str) -> str:
    """Capitals folded; ß stays what it is, for « ss » may be somebody else."""
    folded = (each.casefold() if len(each.casefold()) == 1 else each.lower() for each in name)
    return unicodedata.normalize("NFC", "".join(folded))


# --- What is typed around and inside an address -------------------------------------------------


def plainly(text: str) -> str:
    """The address without what comes with it: blanks, marks that nobody sees, a link, a name,
    quotes, punctuation of the sentence around it, letters of another width.
    """
    text = unicodedata.normalize("NFC", "".join(map(plain_character, text)))
    text = REMARK.sub("", text.strip())
    if named := NAMED.search(text.rstrip(" ,;.")):
        text = named[1]
    text = text.lstrip(BEFORE)
    if link := MAIL_LINK.match(text):
        escaped = text[link.end() :].partition("?")[0]
        text = "".join(map(plain_character, unquote(escaped)))
    text = text.lstrip(BEFORE).rstrip(BEHIND)
    # Telephones put a blank behind what they complete; within a name it may part two words.
    name, at, domain = text.rpartition("@")
    return f"{name.rstrip()}@{re.sub(' *[.] *', '.', domain.lstrip())}" if at else text


def plain_character(character: str) -> str:
    if character in TYPED_FOR:
        return TYPED_FOR[character]
    if character.isspace():
        return " "
    if character in JOINERS:
        return character
    if character in BLANK_LETTERS or unicodedata.category(character) in {"Cc", "Cf"}:
        return ""
    if unicodedata.decomposition(character).startswith(WIDTHS_AND_FONTS):
        return unicodedata.normalize("NFKC", character)
    return character


def without(unwanted: str, text: str) -> str:
    return "".join(each for each in text if each not in unwanted)


def without_stray_joiners(domain: str) -> str:
    """A joiner stays where its alphabet has a use for it, and is nothing elsewhere."""
    if not set(JOINERS) & set(domain):
        return domain
    return ".".join(
        "".join(
            each
            for position, each in enumerate(label)
            if each not in JOINERS or idna.valid_contextj(label, position)
        )
        for label in domain.split(".")
    )


def mixes_alphabets(word: str) -> bool:
    """Of several at once, such as one Cyrillic letter in a Latin word."""
    alphabets = {unicodedata.name(each, "").partition(" ")[0] for each in word if each.isalpha()}
    rest = alphabets - TOGETHER
    return len(rest) > 1 or (rest != alphabets and not rest <= {"LATIN"})


# --- Slips --------------------------------------------------------------------------------------


def suggestion_for(email: str) -> str | None:
    """Another spelling, if this looks like a slip: a domain close to one that many people have, or
    letters that all look like ours and are not.
    """
    latin = email.translate(LOOKALIKES)
    if not latin.isascii():
        latin = email
    name, _, domain = latin.rpartition("@")
    domain = domain.lower()
    meant = domain if domain in MAIL_DOMAINS else probably_meant(domain)
    better = f"{name}@{meant}"
    return better if email_key(better) != email_key(email) else None


def probably_meant(domain: str) -> str:
    close = difflib.get_close_matches(domain, MAIL_DOMAINS, n=1, cutoff=CLOSE)
    return close[0] if close else ONLY_ENDINGS.get(domain.partition(".")[0], domain)


def only_endings() -> dict[str, str]:
    """Domains whose name has one ending: gmail.fr can only mean gmail.com."""
    names = Counter(domain.partition(".")[0] for domain in MAIL_DOMAINS)
    return {name: d for d in MAIL_DOMAINS if names[name := d.partition(".")[0]] == 1}


ONLY_ENDINGS = only_endings()
