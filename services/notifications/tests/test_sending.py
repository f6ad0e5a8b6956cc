"""Mails over a real socket: taken, refused for now, refused for good, hanging, broken off."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

PAUSES = (60, 300, 900, 3600, 14400, 28800, 86400)


@pytest.fixture
async def waiting(post):
    """One mail that is due."""
    await post.has_request()
    await post.hears(post.answer())
    await post.later()
    return post


def seconds_from_now(moment):
    return (moment - datetime.now(UTC)).total_seconds()


async def test_a_mail_is_handed_over_once(waiting, postman):
    await waiting.goes_out()
    await waiting.goes_out_later()

    assert postman.addresses == ["ines@example.org"]
    mail = await waiting.mail()
    assert (mail.state, mail.attempts, mail.sent_to) == ("sent", 1, "ines@example.org")
    assert mail.claim is None


@pytest.mark.parametrize("at", ["to_mail", "to_rcpt", "to_data"])
async def test_what_is_refused_for_now_is_tried_again_later(waiting, postman, at):
    setattr(postman, at, "451 4.7.1 come back later")
    await waiting.goes_out()

    mail = await waiting.mail()
    assert (mail.state, mail.attempts) == ("waiting", 1)
    assert mail.last_error == "451 4.7.1 come back later"
    assert 50 < seconds_from_now(mail.due_at) <= 60

    setattr(postman, at, "")
    await waiting.goes_out()
    assert postman.taken == []
    await waiting.goes_out_later()
    assert len(postman.taken) == 1
    assert (await waiting.mail()).last_error is None


@pytest.mark.parametrize("at", ["to_mail", "to_rcpt", "to_data"])
async def test_what_is_refused_for_good_has_failed_at_once(waiting, postman, at):
    setattr(postman, at, "550 5.1.1 <ines@example.org>: no such mailbox")
    await waiting.goes_out()

    mail = await waiting.mail()
    assert (mail.state, mail.attempts, mail.sent_to) == ("failed", 1, "ines@example.org")
    assert mail.last_error == "550 5.1.1 <ines@example.org>: no such mailbox"


@pytest.mark.parametrize("said", ["530 5.7.0 authentication required", "535 5.7.8 bad account"])
async def test_a_server_that_refuses_our_account_refuses_no_mail(waiting, postman, said):
    postman.to_mail = said
    await waiting.goes_out()
    assert (await waiting.mail()).state == "waiting"


async def test_pauses_grow_and_then_it_has_failed(waiting, postman):
    postman.to_rcpt = "450 4.2.1 not now"
    for pause in PAUSES:
        await waiting.goes_out_later()
        mail = await waiting.mail()
        assert mail.state == "waiting"
        assert pause - 10 < seconds_from_now(mail.due_at) <= pause
    await waiting.goes_out_later()

    mail = await waiting.mail()
    assert (mail.state, mail.attempts) == ("failed", 8)
    assert mail.last_error == "450 4.2.1 not now"


async def test_every_try_has_the_same_message_id(waiting, postman):
    postman.drop = True  # taken over, but the answer never arrives
    await waiting.goes_out()
    assert (await waiting.mail()).state == "waiting"

    postman.drop = False
    await waiting.goes_out_later()
    first, second = postman.mails
    assert first["Message-ID"] == second["Message-ID"]


async def test_a_server_that_hangs_is_given_up_and_tried_later(waiting, postman):
    postman.hang = True
    began = datetime.now(UTC)
    await waiting.goes_out(smtp_seconds=0.5)

    assert datetime.now(UTC) - began < timedelta(seconds=4)
    mail = await waiting.mail()
    assert (mail.state, mail.attempts) == ("waiting", 1)
    assert mail.last_error == "the mail server did not answer in time"


async def test_a_server_that_is_away_and_comes_back_loses_nothing(waiting, mail_server):
    mail_server.stop()
    await waiting.goes_out()
    mail = await waiting.mail()
    assert (mail.state, mail.attempts) == ("waiting", 1)
    assert mail.last_error

    mail_server.start()
    await waiting.goes_out_later()
    assert len(mail_server.postman.taken) == 1


# --- What no well-kept server does -------------------------------------------------------------


async def talk(lines, reader, writer):
    """Answer line by line; at the end of the script the connection is cut."""
    for line in lines:
        writer.write(line.encode() + b"\r\n")
        await writer.drain()
        if line.startswith("354"):
            await reader.read(50)  # a little of the mail
        elif line is not lines[-1]:
            await reader.readline()
    writer.transport.abort()


async def scripted(*lines):
    async def answer(reader, writer):
        await talk(lines, reader, writer)

    return await asyncio.start_server(answer, "127.0.0.1", 0)


GREETING = ("220 shop ESMTP", "250 shop")


@pytest.mark.parametrize(
    "lines",
    [
        ("554 5.3.2 no service here",),
        ("220 shop ESMTP", "550 who are you", "550 who are you"),
        (*GREETING, "421 4.3.2 going down"),
        (*GREETING, "250 OK", "250 OK", "354 go on"),
        (*GREETING, "250 OK"),
        ("220 shop ESMTP",),
        ("gibberish",),
        ("220 \xff\xfe" * 300,),
    ],
    ids=[
        "greeting",
        "ehlo",
        "421",
        "middle of DATA",
        "after MAIL",
        "no EHLO",
        "gibberish",
        "noise",
    ],
)
async def test_a_connection_that_goes_wrong_is_no_verdict_on_the_mail(waiting, lines):
    server = await scripted(*lines)
    async with server:
        await waiting.goes_out(smtp_port=server.sockets[0].getsockname()[1], smtp_seconds=2)

    mail = await waiting.mail()
    assert (mail.state, mail.attempts) == ("waiting", 1)
    assert mail.last_error


async def test_a_farewell_that_goes_wrong_takes_nothing_back(waiting):
    async def answer(reader, writer):
        for line in (*GREETING, "250 OK", "250 OK", "354 go on"):
            writer.write(line.encode() + b"\r\n")
            await (reader.readuntil(b"\r\n.\r\n") if line[0] == "3" else reader.readline())
        writer.write(b"250 taken\r\n")
        await writer.drain()
        await reader.readline()
        writer.transport.abort()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        await waiting.goes_out(smtp_port=server.sockets[0].getsockname()[1])
    assert (await waiting.mail()).state == "sent"


async def test_a_server_without_the_tls_that_is_asked_for_gets_no_mail(waiting, postman):
    await waiting.goes_out(smtp_tls="starttls")
    assert postman.taken == []
    assert (await waiting.mail()).state == "waiting"


async def test_an_account_that_the_server_does_not_ask_for_is_trouble_not_a_refusal(
    waiting, postman
):
    await waiting.goes_out(smtp_user="guichet")
    assert postman.taken == []
    assert (await waiting.mail()).state == "waiting"


@pytest.mark.parametrize(
    "address", ["nobody", "a@b>\r\nRCPT TO:<c@d.example", "a b@example.org", "@example.org", ""]
)
async def test_an_address_that_no_mail_can_be_written_to_has_failed(post, postman, address):
    await post.hears(post.customer(email=address), post.technician(), post.opened(), post.answer())
    await post.goes_out_later()

    assert postman.taken == []
    mail = await post.mail()
    assert mail.state == "failed"


@pytest.mark.parametrize(
    ("address", "sent_to"),
    [
        ("ines@dépôt.example", "ines@" + "dépôt.example".encode("idna").decode()),
        ("inès@example.org", "inès@example.org"),
    ],
)
async def test_an_address_of_other_letters_than_ascii_is_written_to(
    post, postman, address, sent_to
):
    await post.hears(post.customer(email=address), post.technician(), post.opened(), post.answer())
    await post.goes_out_later()
    assert postman.addresses == [sent_to]
    assert f"<{sent_to}>".encode() in postman.taken[0][2]


async def test_an_address_that_this_server_has_no_spelling_for_has_failed(post):
    await post.hears(post.customer(email="inès@example.org"), post.technician())
    await post.hears(post.opened(), post.answer())
    server = await scripted(*GREETING, "250 OK")
    async with server:
        await post.later()
        await post.goes_out(smtp_port=server.sockets[0].getsockname()[1])
    assert (await post.mail()).state == "failed"


async def test_a_mail_that_cannot_be_made_does_not_hold_up_the_others(post, postman, monkeypatch):
    await post.has_request()
    await post.hears(post.answer(), post.password())
    letter_of = post.worker().letter

    async def failing(self, due):
        if due.kind == "reply":
            raise RuntimeError("ines@example.org in an error of ours")
        return await letter_of(due)

    monkeypatch.setattr("notifications.sending.worker.Worker.letter", failing)
    await post.goes_out_later()

    assert await post.states() == [("password_changed", "sent"), ("reply", "waiting")]
    [reply] = [mail for mail in await post.mails() if mail.kind == "reply"]
    assert reply.last_error == "RuntimeError"
