"""Mails over a real socket: taken, refused for now, refused for good, hanging, broken off."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

PAUSES = (60, 300, 900, 3600, 14400, 28800, 86400)


@pytest.fixture
async def waiting(scenario):
    """One mail that is due."""
    await scenario.has_request()
    await scenario.receives(scenario.answer())
    await scenario.makes_due()
    return scenario


def seconds_from_now(moment):
    return (moment - datetime.now(UTC)).total_seconds()


async def test_a_mail_is_handed_over_once(waiting, postman):
    await waiting.sends_due()
    await waiting.makes_due_and_sends()

    assert postman.addresses == ["ines@example.org"]
    mail = await waiting.mail()
    assert (mail.state, mail.attempts, mail.sent_to) == ("sent", 1, "ines@example.org")
    assert mail.claim is None


@pytest.mark.parametrize("at", ["to_mail", "to_rcpt", "to_data"])
async def test_what_is_refused_for_now_is_tried_again_later(waiting, postman, at):
    setattr(postman, at, "451 4.7.1 come back later")
    await waiting.sends_due()

    mail = await waiting.mail()
    assert (mail.state, mail.attempts) == ("waiting", 1)
    assert mail.last_error == "451 4.7.1 come back later"
    assert 50 < seconds_from_now(mail.due_at) <= 60

    setattr(postman, at, "")
    await waiting.sends_due()
    assert postman.taken == []
    await waiting.makes_due_and_sends()
    assert len(postman.taken) == 1
    assert (await waiting.mail()).last_error is None


@pytest.mark.parametrize("at", ["to_mail", "to_rcpt", "to_data"])
async def test_what_is_refused_for_good_has_failed_at_once(waiting, postman, at):
    setattr(postman, at, "550 5.1.1 <ines@example.org>: no such mailbox")
    await waiting.sends_due()

    mail = await waiting.mail()
    assert (mail.state, mail.attempts, mail.sent_to) == ("failed", 1, "ines@example.org")
    assert mail.last_error == "550 5.1.1 <ines@example.org>: no such mailbox"


@pytest.mark.parametrize("response", ["530 5.7.0 authentication required", "535 5.7.8 bad account"])
async def test_a_server_that_refuses_our_account_refuses_no_mail(waiting, postman, response):
    postman.to_mail = response
    await waiting.sends_due()
    assert (await waiting.mail()).state == "waiting"


async def test_pauses_grow_and_then_it_has_failed(waiting, postman):
    postman.to_rcpt = "450 4.2.1 not now"
    for pause in PAUSES:
        await waiting.makes_due_and_sends()
        mail = await waiting.mail()
        assert mail.state == "waiting"
        assert pause - 10 < seconds_from_now(mail.due_at) <= pause
    await waiting.makes_due_and_sends()

    mail = await waiting.mail()
    assert (mail.state, mail.attempts) == ("failed", 8)
    assert mail.last_error == "450 4.2.1 not now"


async def test_every_try_has_the_same_message_id(waiting, postman):
    postman.drop = True  # taken over, but the answer never arrives
    await waiting.sends_due()
    assert (await waiting.mail()).state == "waiting"

    postman.drop = False
    await waiting.makes_due_and_sends()
    first, second = postman.mails
    assert first["Message-ID"] == second["Message-ID"]


async def test_a_server_that_hangs_is_given_up_and_tried_later(waiting, postman):
    postman.hang = True
    began = datetime.now(UTC)
    await waiting.sends_due(smtp_seconds=0.5)

    assert datetime.now(UTC) - began < timedelta(seconds=25)  # the server hangs for 30
    mail = await waiting.mail()
    assert (mail.state, mail.attempts) == ("waiting", 1)
    assert mail.last_error == "the mail server did not answer in time"


async def test_a_server_that_is_away_and_comes_back_loses_nothing(waiting, mail_server):
    mail_server.stop()
    await waiting.sends_due()
    mail = await waiting.mail()
    assert (mail.state, mail.attempts) == ("waiting", 1)
    assert mail.last_error

    mail_server.start()
    await waiting.makes_due_and_sends()
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
        await waiting.sends_due(smtp_port=server.sockets[0].getsockname()[1], smtp_seconds=2)

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
        await waiting.sends_due(smtp_port=server.sockets[0].getsockname()[1])
    assert (await waiting.mail()).state == "sent"


async def test_a_server_without_the_tls_that_is_asked_for_gets_no_mail(waiting, postman):
    await waiting.sends_due(smtp_tls="starttls")
    assert postman.taken == []
    assert (await waiting.mail()).state == "waiting"


async def test_an_account_that_the_server_does_not_ask_for_is_trouble_not_a_refusal(
    waiting, postman
):
    await waiting.sends_due(smtp_user="guichet")
    assert postman.taken == []
    assert (await waiting.mail()).state == "waiting"


@pytest.mark.parametrize(
    "address", ["nobody", "a@b>\r\nRCPT TO:<c@d.example", "a b@example.org", "@example.org", ""]
)
async def test_an_address_that_no_mail_can_be_written_to_has_failed(scenario, postman, address):
    await scenario.receives(
        scenario.customer(email=address),
        scenario.technician(),
        scenario.opened(),
        scenario.answer(),
    )
    await scenario.makes_due_and_sends()

    assert postman.taken == []
    mail = await scenario.mail()
    assert mail.state == "failed"


@pytest.mark.parametrize(
    ("address", "sent_to"),
    [
        ("ines@dépôt.example", "ines@" + "dépôt.example".encode("idna").decode()),
        ("inès@example.org", "inès@example.org"),
    ],
)
async def test_mail_to_a_non_ascii_address_is_sent(scenario, postman, address, sent_to):
    await scenario.receives(
        scenario.customer(email=address),
        scenario.technician(),
        scenario.opened(),
        scenario.answer(),
    )
    await scenario.makes_due_and_sends()
    assert postman.addresses == [sent_to]
    assert f"<{sent_to}>".encode() in postman.taken[0][2]


async def test_an_address_that_this_server_has_no_spelling_for_has_failed(scenario):
    await scenario.receives(scenario.customer(email="inès@example.org"), scenario.technician())
    await scenario.receives(scenario.opened(), scenario.answer())
    server = await scripted(*GREETING, "250 OK")
    async with server:
        await scenario.makes_due()
        await scenario.sends_due(smtp_port=server.sockets[0].getsockname()[1])
    assert (await scenario.mail()).state == "failed"


async def test_a_mail_that_cannot_be_made_does_not_hold_up_the_others(
    scenario, postman, monkeypatch
):
    await scenario.has_request()
    await scenario.receives(scenario.answer(), scenario.password())
    content_of = scenario.worker().content

    async def failing(self, due):
        if due.kind == "reply":
            raise RuntimeError("ines@example.org in an error of ours")
        return await content_of(due)

    monkeypatch.setattr("notifications.sending.worker.Worker.content", failing)
    await scenario.makes_due_and_sends()

    assert await scenario.states() == [("password_changed", "sent"), ("reply", "waiting")]
    [reply] = [mail for mail in await scenario.mails() if mail.kind == "reply"]
    assert reply.last_error == "RuntimeError"
