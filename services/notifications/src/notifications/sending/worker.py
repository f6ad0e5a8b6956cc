"""One worker: claim a mail that is due, render it, send it, record the outcome."""

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from fastapi import FastAPI

from chassis import clock
from chassis.data.database import Database
from chassis.monitoring.loops import Loop
from chassis.outages import UNREACHABLE, describe
from contracts.notifications.api import Kind
from notifications.clients import Owners, Unavailable
from notifications.models import PREFERENCE_NAMES, Due, Mail, Person, Ticket, Verdict
from notifications.operations import mails, preferences
from notifications.rendering import (
    MailContent,
    Request,
    Sender,
    envelope_address,
    render,
    serialized,
)
from notifications.sending import smtp
from notifications.sending.measures import MAILS
from notifications.settings import Settings

log = structlog.get_logger("mail")

FETCH_SECONDS = 30
SERVER_CHECK_SECONDS = 10  # between two checks of a mail server that failed
MAX_TEXTS = 5
WAITS_FOR_TEXTS = 6  # about a minute: then the mail goes without its texts
PACE_SECONDS = 1  # between two looks while the limit of a minute is reached

Marking = Callable[[Mail, datetime], object]


class LinkEnded(Exception):
    """Identity says that the link is used, expired or replaced: there is nothing to send."""


async def work(app: FastAPI, loop: Loop) -> None:
    """Send whatever is due until cancelled; a mail that is being sent then is still finished."""
    worker = Worker(app.state.settings, app.state.database, owners_of(app))
    queued: asyncio.Event = app.state.mail_queued  # wakes all workers that wait
    while True:
        queued.clear()
        sending = asyncio.create_task(worker.send_next())
        try:
            sent = await asyncio.shield(sending)
        except asyncio.CancelledError:
            await asyncio.wait({sending}, timeout=worker.settings.graceful_seconds)
            sending.cancel()
            raise
        if not sent:
            await worker.check_mail_server()
        if worker.blocked_by:
            loop.report_trouble(worker.blocked_by)
        else:
            loop.report("handled a mail" if sent else "found no mail to send")
        if worker.is_paced:  # what is queued meanwhile could not go either
            await asyncio.sleep(PACE_SECONDS)
        elif not sent:
            with suppress(TimeoutError):
                await asyncio.wait_for(queued.wait(), worker.pause)


def owners_of(app: FastAPI) -> Owners:
    secret = app.state.settings.notifications_secret
    return Owners(app.state.http, secret.get_secret_value() if secret else "")


class Worker:
    """Holds no database connection while it waits for other services or the mail server.

    `blocked_by`: why it cannot send; None once a mail is sent or the mail server answers again.
    """

    def __init__(self, settings: Settings, database: Database, owners: Owners) -> None:
        self.settings, self.database, self.owners = settings, database, owners
        secret = settings.notifications_secret
        self.secret = secret.get_secret_value() if secret else ""
        self.blocked_by: str | None = None
        self.checked_at = float("-inf")
        self.next_in: float | None = None  # seconds until a mail is due
        self.is_paced = False  # a mail is due, and the limit of a minute is reached
        self.max_wait = timedelta(hours=settings.mail_oldest_hours)
        self.sender = Sender(settings.sender, settings.public_url.rstrip("/"), settings.zone)
        self.server = smtp.Server(
            host=settings.smtp_host,
            port=settings.smtp_port,
            tls=settings.smtp_tls,
            user=settings.smtp_user,
            password=settings.smtp_password.get_secret_value(),
            name=settings.sender.domain,
            seconds=settings.smtp_seconds,
        )

    @property
    def lease(self) -> timedelta:
        """Longer than an attempt can take: only the mail of a dead worker is claimed by another."""
        return timedelta(seconds=2 * (FETCH_SECONDS + self.settings.smtp_seconds))

    @property
    def pause(self) -> float:
        """Seconds until there is something to do, unless a mail is queued meanwhile."""
        most = min(
            self.settings.mail_poll_seconds, SERVER_CHECK_SECONDS if self.blocked_by else math.inf
        )
        if self.next_in is None:
            return most
        return min(self.next_in if self.next_in > 0 else PACE_SECONDS, most)

    async def send_next(self) -> bool:
        """Whether there was a mail to handle."""
        async with self.database.reading() as reader:
            found = await mails.waiting(reader, per_minute=self.settings.mail_per_minute)
        self.next_in = found.due_in
        is_due = found.due_in is not None and found.due_in <= 0
        self.is_paced = is_due and found.is_paced
        if not is_due or self.is_paced:
            return False
        async with self.database.transaction() as session:
            taken = await mails.take(
                session,
                lease=self.lease,
                per_minute=self.settings.mail_per_minute,
                max_wait=self.max_wait,
            )
        if taken is None:
            return False
        due, verdict = taken
        if verdict is Verdict.READY:
            await self.attempt(due)
        else:
            log_outcome(due, "dropped" if verdict is Verdict.OBSOLETE else "unready")
        return True

    async def check_mail_server(self) -> None:
        """Try the server when no mail is due: the next one may be due only in hours."""
        if self.blocked_by is None or time.monotonic() - self.checked_at < SERVER_CHECK_SECONDS:
            return
        self.checked_at = time.monotonic()
        try:
            await smtp.check(self.server)
        except smtp.Delayed as delayed:
            self.blocked_by = self.unavailable_message(delayed)
        else:
            self.blocked_by = None

    def unavailable_message(self, delayed: smtp.Delayed) -> str:
        return (
            f"the mail server {self.server.host}:{self.server.port} takes no mail"
            f" ({delayed.cause}): check that it runs and accepts our account; its answers are"
            " shown under « E-mails non remis »"
        )

    async def attempt(self, due: Due) -> None:
        """Send it and record the outcome, whatever goes wrong."""
        to = due.email
        try:
            content = await self.content(due)
            to = content.email
            recipient, message = self.rendered(content)
            sender = self.sender.address.addr_spec
            await smtp.deliver(self.server, sender, recipient, message)
        except LinkEnded:
            await self.record(due, "dropped", mails.mark_dropped)
        except Unavailable as unavailable:
            self.blocked_by = (
                f"identity or tickets does not answer ({unavailable}): see that both run"
            )
            await self.record(due, "unready", self.postpone, cause=str(unavailable))
        except smtp.Refused as refused:
            response, cause = refused.response, refused.cause
            await self.record(
                due,
                "failed",
                lambda mail, at: mails.mark_failed(mail, at, to=to, response=response),
                cause=cause,
            )
        except smtp.Delayed as delayed:
            if not delayed.of_this_mail:
                self.blocked_by = self.unavailable_message(delayed)
            await self.delay(due, to, delayed.response, delayed.cause)
        except Exception as bug:  # one mail that cannot be sent must not hold up the others
            kind = type(bug).__name__
            await self.delay(due, to, kind, kind)
        else:
            self.blocked_by = None
            await self.record(due, "sent", lambda mail, at: mails.mark_sent(mail, at, to=to))

    async def delay(self, due: Due, to: str, response: str, cause: str) -> None:
        pauses = self.settings.mail_retry_seconds
        last = due.mail.attempts > len(pauses)
        await self.record(
            due,
            "failed" if last else "delayed",
            lambda mail, at: mails.schedule_retry(
                mail, at, to=to, response=response, pauses=pauses
            ),
            cause=cause,
        )

    def postpone(self, mail: Mail, at: datetime) -> None:
        mails.postpone(mail, at=at, max_wait=self.max_wait)

    def rendered(self, content: MailContent) -> tuple[str, bytes]:
        """The envelope's recipient and the message's bytes; raises Refused if it cannot be."""
        try:
            message = render(content, self.sender, at=clock.now())
            return envelope_address(content.email), serialized(message)
        except ValueError as impossible:
            raise smtp.Refused(str(impossible), "unwritable") from impossible

    # --- Content ------------------------------------------------------------------------------

    async def content(self, due: Due) -> MailContent:
        """Raises Unavailable where another service does not answer, LinkEnded for an ended link."""
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                if due.mail.link_id is not None:
                    return await self.link_content(due, due.mail.link_id)
                if due.person is None:
                    raise LookupError("a mail without its person is not ready")
                return await self.notification_content(due, due.person)
        except TimeoutError as slow:
            raise Unavailable("timeout") from slow

    async def link_content(self, due: Due, link_id: UUID) -> MailContent:
        is_refusal = due.kind is Kind.EMAIL_ASKED
        fetch = self.owners.link_refusal if is_refusal else self.owners.link_secret
        link = await fetch(link_id)
        if link is None:
            raise LinkEnded
        return MailContent(
            id=due.mail.id,
            kind=Kind.EMAIL_IN_USE if link.taken else due.kind,
            language=due.language or self.settings.language,
            first_name=link.first_name,
            last_name=link.last_name,
            email=link.email,
            link_secret=link.secret,
            new_email=link.new_email or "",
            expires_at=link.expires_at,
        )

    async def notification_content(self, due: Due, person: Person) -> MailContent:
        return MailContent(
            id=due.mail.id,
            kind=due.kind,
            language=due.language or self.settings.language,
            first_name=person.first_name,
            last_name=person.last_name,
            email=due.email,
            authors=[due.authors[id].name for id in due.author_ids],
            count=max(1, len(due.message_ids)),
            request=await self.request(due),
            texts=await self.texts(due),
            unsubscription=self.unsubscription(person, due.kind),
        )

    async def request(self, due: Due) -> Request | None:
        """Add the request's subject, unless tickets has not answered for a while."""
        if due.ticket is None:
            return None
        try:
            subject = await self.owners.subject(due.ticket.number)
        except Unavailable:
            if due.mail.waits < WAITS_FOR_TEXTS:
                raise
            subject = None
        return request_of(due.ticket, subject or "")

    async def texts(self, due: Due) -> list[str]:
        """The newest messages that it reports, where GUICHET_MAIL_WITH_TEXT is true."""
        if not self.settings.mail_with_text:
            return []
        try:
            texts = [await self.owners.text(id) for id in due.message_ids[-MAX_TEXTS:]]
        except Unavailable:
            if due.mail.waits < WAITS_FOR_TEXTS:
                raise
            return []
        return [text for text in texts if text]

    def unsubscription(self, person: Person, kind: Kind) -> str:
        return (
            preferences.token_for(self.secret, person.id, kind) if kind in PREFERENCE_NAMES else ""
        )

    # --- Outcome ------------------------------------------------------------------------------

    async def record(self, due: Due, outcome: str, mark: Marking, *, cause: str = "") -> None:
        """Retries until the database answers: an outcome that is lost would be sent again."""
        while True:
            try:
                async with self.database.transaction() as session:
                    mail, at = await mails.still_claimed(session, due.mail.id, due.mail.claim)
                    if mail is None:
                        outcome = "lost"  # the lease ended: another worker has it now
                    else:
                        mark(mail, at)
                        mails.store_later(session, mail)
                break
            except UNREACHABLE as error:
                log.warning("mail_not_kept", mail_id=str(due.mail.id), trouble=describe(error))
                await asyncio.sleep(1)
        log_outcome(due, outcome, cause)


def request_of(ticket: Ticket, subject: str) -> Request:
    return Request(
        id=ticket.id,
        number=ticket.number,
        subject=subject,
        reference=ticket.reference or "",
        designation=ticket.designation or "",
    )


def log_outcome(due: Due, outcome: str, cause: str = "") -> None:
    """Count and log the result, without name, address or text of the mail server."""
    MAILS.labels(due.kind, outcome).inc()
    log.info(
        "mail",
        mail_id=str(due.mail.id),
        kind=str(due.kind),
        outcome=outcome,
        attempt=due.mail.attempts,
        **({"cause": cause} if cause else {}),
    )
