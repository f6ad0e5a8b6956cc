"""Several workers and processes: never two of them at one mail, never more than the pace."""

import asyncio
import json
import logging
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import text, update
from sqlalchemy.exc import OperationalError

from chassis.monitoring import logs
from chassis.monitoring.loops import Loop
from chassis.pruning import forget
from local.launcher.machine.processes import free_port
from notifications.app import create_app
from notifications.models import Mail
from notifications.operations import trying
from notifications.sending import worker as sending


async def has_mails(post, count):
    """As many people whose password has changed."""
    ids = [uuid4() for _ in range(count)]
    for id in ids:
        await post.hears(
            post.customer(customer_id=id, email=f"{id}@example.org"), post.password(account_id=id)
        )
    await post.later()


async def test_many_workers_send_each_mail_once(post, postman):
    await has_mails(post, 20)
    await asyncio.gather(*(post.goes_out() for _ in range(6)))
    assert Counter(Counter(postman.addresses).values()) == {1: 20}


async def test_a_mail_that_is_being_sent_is_nobody_elses(post, postman):
    await has_mails(post, 1)
    postman.hang = True
    slow = asyncio.create_task(post.goes_out(smtp_seconds=2))
    await asyncio.sleep(0.3)
    postman.hang = False
    assert await post.worker().send_next() is False
    await slow


async def test_no_connection_is_held_while_the_mail_server_answers(post, postman, app):
    await has_mails(post, 1)
    postman.hang = True
    slow = asyncio.create_task(post.goes_out(smtp_seconds=1))
    await asyncio.sleep(0.4)
    assert app.state.database.engine.pool.checkedout() == 0
    await slow


async def claimed(post):
    async with post.database.transaction() as session:
        return await trying.take(
            session,
            lease=timedelta(seconds=60),
            per_minute=60,
            patience=timedelta(hours=1),
        )


async def expire_lease(post):
    async with post.database.transaction() as session:
        await session.execute(
            update(Mail).values(claimed_until=datetime.now(UTC) - timedelta(seconds=1))
        )


async def test_what_a_crashed_worker_held_is_sent_by_another_once_its_lease_ends(post, postman):
    await has_mails(post, 1)
    await claimed(post)  # and then its process is killed
    await post.goes_out_later()
    assert postman.taken == []

    await expire_lease(post)
    await post.goes_out()
    assert len(postman.taken) == 1
    mail = await post.mail()
    assert (mail.state, mail.attempts) == ("sent", 2)


async def test_a_worker_that_lost_its_lease_changes_nothing_any_more(post, postman):
    await has_mails(post, 1)
    due, _ = await claimed(post)
    await expire_lease(post)
    await post.goes_out()

    await post.worker().keep(due, "delayed", trying.mark_gone)
    assert (await post.mail()).state == "sent"


async def test_a_worker_that_is_stopped_ends_the_mail_that_it_is_sending(
    post, postman, app, monkeypatch
):
    await has_mails(post, 1)
    handed_over = asyncio.Event()
    hand_over = sending.smtp.hand_over

    async def slowly(*what):
        handed_over.set()
        await asyncio.sleep(0.3)
        await hand_over(*what)

    monkeypatch.setattr(sending.smtp, "hand_over", slowly)
    loop = asyncio.create_task(sending.work(app, Loop("mail worker 1")))
    await handed_over.wait()
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    assert len(postman.taken) == 1
    assert (await post.mail()).state == "sent"


async def test_what_was_sent_is_kept_however_long_the_database_is_away(post, postman, monkeypatch):
    await has_mails(post, 1)
    held, failures = trying.held, []

    async def away(*what):
        if len(failures) < 2:
            failures.append(1)
            raise OperationalError("SELECT", {}, Exception("away"))
        return await held(*what)

    monkeypatch.setattr(trying, "held", away)
    await post.goes_out()
    assert (await post.mail()).state == "sent"
    assert len(postman.taken) == 1


# --- Pace -------------------------------------------------------------------------------------


async def test_all_workers_together_keep_the_pace(post, postman):
    await has_mails(post, 8)
    await asyncio.gather(*(post.goes_out(mail_per_minute=5) for _ in range(3)))
    assert len(postman.taken) == 5

    async with post.database.transaction() as session:
        await session.execute(text("UPDATE mails SET tried_at = tried_at - interval '61 seconds'"))
    await post.goes_out(mail_per_minute=5)
    assert len(postman.taken) == 8


async def test_links_go_first_then_what_has_waited_longest(post, postman, asked):
    await has_mails(post, 3)
    newest, middle, oldest = [mail.person_id for mail in await post.mails()]
    async with post.database.transaction() as session:
        for minutes, person_id in enumerate((newest, middle, oldest)):
            earlier = Mail.due_at - timedelta(minutes=minutes)
            await session.execute(
                update(Mail).where(Mail.person_id == person_id).values(due_at=earlier)
            )
    link = post.link(account_id=newest)
    asked.know_link(link.link_id, link.purpose, "lien@example.org")
    await post.hears(link)
    await post.goes_out()
    waited = [f"{person_id}@example.org" for person_id in (oldest, middle, newest)]
    assert postman.addresses == ["lien@example.org", *waited]


async def test_what_is_dropped_or_waits_uses_up_no_pace(post, postman):
    await post.hears(post.answer())  # of a request that nobody knows yet
    await has_mails(post, 2)
    await post.goes_out(mail_per_minute=2)
    assert len(postman.taken) == 2


# --- The service itself ------------------------------------------------------------------------


async def test_the_service_sends_what_it_hears_of(post, postman, settings, app):
    served = create_app(settings)
    served.state.http = app.state.http
    await post.hears(post.customer(), post.password())
    loops = [asyncio.create_task(sending.work(served, Loop("mail worker"))) for _ in range(2)]
    async with asyncio.timeout(10):
        while not postman.taken:  # noqa: ASYNC110 - another thread's list
            await asyncio.sleep(0.05)
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    await served.state.database.close()
    assert len(postman.taken) == 1


async def test_figures_tell_of_the_queue(post, client, postman):
    await has_mails(post, 3)
    page = (await client.get("/metrics")).text
    assert "guichet_mail_queue_mails 3.0" in page
    age = next(
        line for line in page.splitlines() if line.startswith("guichet_mail_queue_age_seconds ")
    )
    assert 0 < float(age.split()[1]) < 60

    await post.goes_out()
    page = (await client.get("/metrics")).text
    assert "guichet_mail_queue_mails 0.0" in page
    assert 'guichet_mails_total{kind="password_changed",outcome="sent"}' in page


async def test_what_was_settled_long_ago_is_forgotten(post, postman, database):
    await has_mails(post, 2)
    await post.goes_out()
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE mails SET changed_at = now() - interval '91 days' WHERE id = :id"),
            {"id": (await post.mails())[0].id},
        )
    await forget(database, trying.settled(90, 24))
    assert len(await post.mails()) == len(await post.reasons()) == 1


# --- Logs -------------------------------------------------------------------------------------


async def test_logs_name_nobody_and_quote_no_server(post, postman, asked, capsys, monkeypatch):
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    kept = structlog.get_config()
    logs.configure("DEBUG")
    try:
        monkeypatch.setattr(sending, "log", structlog.get_logger("mail"))
        link = post.link()
        asked.know_link(link.link_id, link.purpose, "ines@example.org")
        await post.has_request()
        await post.hears(post.answer(), post.password(), link)
        await post.later()
        postman.to_rcpt = "450 <ines@example.org> is not here, Inès"
        await post.goes_out()
        postman.to_rcpt = "550 <ines@example.org> is not here, Inès"
        await post.goes_out_later()
        postman.to_rcpt = ""
        await post.hears(post.resolved())
        await post.goes_out_later()
    finally:
        logging.getLogger().handlers[:] = handlers
        logging.getLogger().setLevel(level)
        structlog.configure(**kept)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    lines = [line for line in lines if line["logger"] != "mail.log"]  # the mail server's own
    said = json.dumps(lines, ensure_ascii=False)
    assert {line["outcome"] for line in lines if line["event"] == "mail"} == {
        "delayed", "failed", "sent"
    }  # fmt: skip
    for secret in ("example.org", "Inès", "Dubois", "Karim", "secret-", "not here"):
        assert secret not in said


async def test_trouble_is_over_when_the_mail_server_answers_whoever_sends_what_waited(
    post, postman, monkeypatch
):
    """Otherwise a worker that has nothing to send would tell of it for ever."""
    await has_mails(post, 1)
    worker = post.worker()
    there, worker.server = worker.server, replace(worker.server, port=free_port())
    assert await worker.send_next() is True
    assert "takes no mail (SMTPConnectError)" in worker.trouble
    assert await worker.send_next() is False  # it waits for its next try
    await worker.look_again()
    assert "takes no mail (SMTPConnectError)" in worker.trouble
    worker.server = there
    await worker.look_again()
    assert worker.trouble, "the server is not asked all the time"
    monkeypatch.setattr(sending, "LOOK_SECONDS", 0)
    await worker.look_again()
    assert worker.trouble is None
    assert postman.taken == []
