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
from prometheus_client import generate_latest
from sqlalchemy import text, update
from sqlalchemy.exc import OperationalError

from chassis.monitoring import logs
from chassis.monitoring.loops import Loop
from chassis.pruning import prune
from local.launcher.machine.processes import free_port
from notifications.app import create_app
from notifications.models import Mail
from notifications.operations import mails
from notifications.operations.queueing import WORKERS
from notifications.sending import worker as sending


async def has_mails(scenario, count):
    """As many people whose password has changed."""
    ids = [uuid4() for _ in range(count)]
    for id in ids:
        await scenario.receives(
            scenario.customer(customer_id=id, email=f"{id}@example.org"),
            scenario.password(account_id=id),
        )
    await scenario.makes_due()


async def until_it_hangs(postman):
    async with asyncio.timeout(30):
        while not postman.hangs:  # noqa: ASYNC110 - another thread's
            await asyncio.sleep(0.01)


async def test_many_workers_send_each_mail_once(scenario, postman):
    await has_mails(scenario, 20)
    await asyncio.gather(*(scenario.sends_due() for _ in range(6)))
    assert Counter(Counter(postman.addresses).values()) == {1: 20}


async def test_a_mail_that_is_being_sent_is_nobody_elses(scenario, postman):
    await has_mails(scenario, 1)
    postman.hang = True
    slow = asyncio.create_task(scenario.sends_due(smtp_seconds=2))
    await until_it_hangs(postman)
    postman.hang = False
    assert await scenario.worker().send_next() is False
    await slow


async def test_no_connection_is_held_while_the_mail_server_answers(scenario, postman, app):
    await has_mails(scenario, 1)
    postman.hang = True
    slow = asyncio.create_task(scenario.sends_due(smtp_seconds=1))
    await until_it_hangs(postman)
    assert app.state.database.engine.pool.checkedout() == 0
    await slow


async def claimed(scenario):
    async with scenario.database.transaction() as session:
        return await mails.take(
            session,
            lease=timedelta(seconds=60),
            per_minute=60,
            max_wait=timedelta(hours=1),
        )


async def expire_lease(scenario):
    async with scenario.database.transaction() as session:
        await session.execute(
            update(Mail).values(claimed_until=datetime.now(UTC) - timedelta(seconds=1))
        )


async def test_what_a_crashed_worker_held_is_sent_by_another_once_its_lease_ends(scenario, postman):
    await has_mails(scenario, 1)
    await claimed(scenario)  # and then its process is killed
    await scenario.makes_due_and_sends()
    assert postman.taken == []

    await expire_lease(scenario)
    await scenario.sends_due()
    assert len(postman.taken) == 1
    mail = await scenario.mail()
    assert (mail.state, mail.attempts) == ("sent", 2)


async def test_a_worker_that_lost_its_lease_changes_nothing_any_more(scenario, postman):
    await has_mails(scenario, 1)
    due, _ = await claimed(scenario)
    await expire_lease(scenario)
    await scenario.sends_due()

    await scenario.worker().record(due, "delayed", mails.mark_dropped)
    assert (await scenario.mail()).state == "sent"


async def test_a_worker_that_is_stopped_ends_the_mail_that_it_is_sending(
    scenario, postman, app, monkeypatch
):
    await has_mails(scenario, 1)
    handed_over = asyncio.Event()
    deliver = sending.smtp.deliver

    async def slowly(*what):
        handed_over.set()
        await asyncio.sleep(0.3)
        await deliver(*what)

    monkeypatch.setattr(sending.smtp, "deliver", slowly)
    loop = asyncio.create_task(sending.work(app, Loop("mail worker 1")))
    await handed_over.wait()
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    assert len(postman.taken) == 1
    assert (await scenario.mail()).state == "sent"


async def test_the_outcome_is_recorded_however_long_the_database_is_away(
    scenario, postman, monkeypatch
):
    await has_mails(scenario, 1)
    still_claimed, failures = mails.still_claimed, []

    async def away(*what):
        if len(failures) < 2:
            failures.append(1)
            raise OperationalError("SELECT", {}, Exception("away"))
        return await still_claimed(*what)

    monkeypatch.setattr(mails, "still_claimed", away)
    await scenario.sends_due()
    assert (await scenario.mail()).state == "sent"
    assert len(postman.taken) == 1


async def test_a_mail_that_is_due_before_the_next_look_wakes_the_workers(scenario, monkeypatch):
    woken = []
    monkeypatch.setitem(scenario.database.wakers, WORKERS, lambda: woken.append(1))
    await scenario.has_request()
    woken.clear()
    await scenario.receives(scenario.answer())  # gathered for two minutes
    assert woken == []
    await scenario.receives(scenario.password())
    assert woken == [1]


# --- Pace -------------------------------------------------------------------------------------


async def test_all_workers_together_keep_the_pace(scenario, postman):
    await has_mails(scenario, 8)
    await asyncio.gather(*(scenario.sends_due(mail_per_minute=5) for _ in range(3)))
    assert len(postman.taken) == 5
    # Whatever is queued now cannot go, so it wakes nobody.
    paced = scenario.worker(mail_per_minute=5)
    assert not await paced.send_next()
    assert paced.is_paced
    async with scenario.database.reading() as reader:
        assert not (await mails.waiting(reader, per_minute=6)).is_paced

    async with scenario.database.transaction() as session:
        await session.execute(text("UPDATE mails SET tried_at = tried_at - interval '61 seconds'"))
    await scenario.sends_due(mail_per_minute=5)
    assert len(postman.taken) == 8


async def test_links_go_first_then_what_has_waited_longest(scenario, postman, owners):
    await has_mails(scenario, 3)
    newest, middle, oldest = [mail.person_id for mail in await scenario.mails()]
    async with scenario.database.transaction() as session:
        for minutes, person_id in enumerate((newest, middle, oldest)):
            earlier = Mail.due_at - timedelta(minutes=minutes)
            await session.execute(
                update(Mail).where(Mail.person_id == person_id).values(due_at=earlier)
            )
    link = scenario.link(account_id=newest)
    owners.know_link(link.link_id, link.purpose, "lien@example.org")
    await scenario.receives(link)
    await scenario.sends_due()
    waited = [f"{person_id}@example.org" for person_id in (oldest, middle, newest)]
    assert postman.addresses == ["lien@example.org", *waited]


async def test_what_is_dropped_or_waits_uses_up_no_pace(scenario, postman):
    await scenario.receives(scenario.answer())  # of a request that nobody knows yet
    await has_mails(scenario, 2)
    await scenario.sends_due(mail_per_minute=2)
    assert len(postman.taken) == 2


# --- The service itself ------------------------------------------------------------------------


async def test_the_service_sends_mail_for_events(scenario, postman, settings, app):
    served = create_app(settings)
    served.state.http = app.state.http
    await scenario.receives(scenario.customer(), scenario.password())
    loops = [asyncio.create_task(sending.work(served, Loop("mail worker"))) for _ in range(2)]
    async with asyncio.timeout(60):
        while not postman.taken:  # noqa: ASYNC110 - another thread's list
            await asyncio.sleep(0.05)
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    await served.state.database.close()
    assert len(postman.taken) == 1


async def test_a_mail_behind_one_that_hangs_is_sent_by_a_worker_that_waits(
    scenario, postman, app, monkeypatch
):
    monkeypatch.setattr(app.state.settings, "mail_poll_seconds", 60)
    deliver, hangs, goes_on = sending.smtp.deliver, asyncio.Event(), asyncio.Event()

    async def slowly(*what):
        if not hangs.is_set():
            hangs.set()
            await goes_on.wait()
        await deliver(*what)

    monkeypatch.setattr(sending.smtp, "deliver", slowly)
    idle = [Loop("mail worker 1"), Loop("mail worker 2")]
    workers = [asyncio.create_task(sending.work(app, each)) for each in idle]
    async with asyncio.timeout(60):
        while {each.last for each in idle} != {"found no mail to send"}:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await has_mails(scenario, 1)
        await hangs.wait()
        await has_mails(scenario, 1)
        while not postman.taken:  # noqa: ASYNC110 - another thread's list
            await asyncio.sleep(0.01)
    goes_on.set()
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert len(postman.taken) == 2


async def test_metrics_show_the_queue(scenario, client, postman):
    await has_mails(scenario, 3)
    page = (await client.get("/metrics")).text
    assert "guichet_mail_queue_mails 3.0" in page
    age = next(
        line for line in page.splitlines() if line.startswith("guichet_mail_queue_age_seconds ")
    )
    assert 0 < float(age.split()[1]) < 60

    await scenario.sends_due()
    page = (await client.get("/metrics")).text
    assert "guichet_mail_queue_mails 0.0" in page
    assert 'guichet_mails_total{kind="password_changed",outcome="sent"}' in page
    assert b"guichet_mail" not in generate_latest()  # of a process that has only imported this


async def test_what_was_settled_long_ago_is_forgotten(scenario, postman, database):
    await has_mails(scenario, 2)
    await scenario.sends_due()
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE mails SET changed_at = now() - interval '91 days' WHERE id = :id"),
            {"id": (await scenario.mails())[0].id},
        )
    await prune(database, mails.prunable(90, 24))
    assert len(await scenario.mails()) == len(await scenario.reasons()) == 1


# --- Logs -------------------------------------------------------------------------------------


async def test_logs_name_nobody_and_quote_no_server(scenario, postman, owners, capsys, monkeypatch):
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    configuration = structlog.get_config()
    logs.configure("DEBUG")
    try:
        monkeypatch.setattr(sending, "log", structlog.get_logger("mail"))
        link = scenario.link()
        owners.know_link(link.link_id, link.purpose, "ines@example.org")
        await scenario.has_request()
        await scenario.receives(scenario.answer(), scenario.password(), link)
        await scenario.makes_due()
        postman.to_rcpt = "450 <ines@example.org> is not here, Inès"
        await scenario.sends_due()
        postman.to_rcpt = "550 <ines@example.org> is not here, Inès"
        await scenario.makes_due_and_sends()
        postman.to_rcpt = ""
        await scenario.receives(scenario.resolved())
        await scenario.makes_due_and_sends()
    finally:
        logging.getLogger().handlers[:] = handlers
        logging.getLogger().setLevel(level)
        structlog.configure(**configuration)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    lines = [line for line in lines if line["logger"] != "mail.log"]  # the mail server's own
    logged = json.dumps(lines, ensure_ascii=False)
    assert {line["outcome"] for line in lines if line["event"] == "mail"} == {
        "delayed", "failed", "sent"
    }  # fmt: skip
    for secret in ("example.org", "Inès", "Dubois", "Karim", "secret-", "not here"):
        assert secret not in logged


async def test_trouble_is_over_when_the_mail_server_answers_whoever_sends_what_waited(
    scenario, postman, monkeypatch
):
    """Otherwise a worker that has nothing to send would tell of it for ever."""
    await has_mails(scenario, 1)
    worker = scenario.worker()
    there, worker.server = worker.server, replace(worker.server, port=free_port())
    assert await worker.send_next() is True
    assert "takes no mail (SMTPConnectError)" in worker.blocked_by
    assert await worker.send_next() is False  # it waits for its next try
    await worker.check_mail_server()
    assert "takes no mail (SMTPConnectError)" in worker.blocked_by
    worker.server = there
    await worker.check_mail_server()
    assert worker.blocked_by, "the server is not asked all the time"
    monkeypatch.setattr(sending, "SERVER_CHECK_SECONDS", 0)
    await worker.check_mail_server()
    assert worker.blocked_by is None
    assert postman.taken == []
