"""One worker: take a mail that is due, write it, hand it over, keep what became of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import clock
from chassis.data.database import Database
from chassis.monitoring.loops import Loop
from chassis.outages import UNREACHABLE, describe
from contracts.notifications.api import Kind, Language
from notifications.clients import Owners, Silent
from notifications.letters import House, Letter, Request, as_sent, envelope_address, write
from notifications.models import WISHES, Due, Mail, Person, Ticket, Verdict
from notifications.operations import preferences, trying
from notifications.sending import smtp
from notifications.sending.measures import MAILS
from notifications.settings import Settings

log = structlog.get_logger("mail")

FETCHING_SECONDS = 30
LOOK_SECONDS = 10  # whether the mail server takes mail again
TEXTS_MOST = 5
WAITS_FOR_TEXTS = 6  # about a minute: a mail without the words is better than none
OTHERS_LOOK = 10  # times less often than the first of a process, while none has found a mail

Marking = Callable[[AsyncSession, Mail], Awaitable[object]]


class Gone(Exception):
    """Identity says that the link is over: there is nothing to send."""


async def work(app: FastAPI, loop: Loop, *, is_first: bool = True) -> None:
    """Send whatever is due, for ever; a mail that is on its way when we are stopped gets there.

    The first of a process looks for mail; once one has found some, the others look too.
    """
    worker = Worker(app.state.settings, app.state.database, owners_of(app))
    pause = worker.settings.mail_poll_seconds * (1 if is_first else OTHERS_LOOK)
    found: asyncio.Event = app.state.mail_found
    while True:
        sending = asyncio.create_task(worker.send_next())
        try:
            sent = await asyncio.shield(sending)
        except asyncio.CancelledError:
            await asyncio.wait({sending}, timeout=worker.settings.graceful_seconds)
            sending.cancel()
            raise
        if not sent:
            await worker.look_again()
        if worker.trouble:
            loop.cannot(worker.trouble)
        else:
            loop.did("looked after a mail" if sent else "found no mail to send")
        if sent:
            found.set()  # for whoever waits just now
            found.clear()
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(found.wait(), pause)


def owners_of(app: FastAPI) -> Owners:
    secret = app.state.settings.notifications_secret
    return Owners(app.state.http, secret.get_secret_value() if secret else "")


class Worker:
    """Holds no connection to the database while it speaks with others.

    `trouble`: what keeps it from sending, until a mail is sent again or nothing stands in the way.
    """

    def __init__(self, settings: Settings, database: Database, owners: Owners) -> None:
        self.settings, self.database, self.owners = settings, database, owners
        secret = settings.notifications_secret
        self.secret = secret.get_secret_value() if secret else ""
        self.trouble: str | None = None
        self.looked_at = float("-inf")
        self.patience = timedelta(hours=settings.mail_oldest_hours)
        self.house = House(settings.sender, settings.public_url.rstrip("/"), settings.zone)
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
        """Longer than a try can take: only a mail whose worker is gone is taken by another."""
        return timedelta(seconds=2 * (FETCHING_SECONDS + self.settings.smtp_seconds))

    async def send_next(self) -> bool:
        """Whether there was a mail to look at."""
        async with self.database.reading() as reader:
            if not await trying.is_any_due(reader):
                return False
        async with self.database.transaction() as session:
            taken = await trying.take(
                session,
                lease=self.lease,
                per_minute=self.settings.mail_per_minute,
                patience=self.patience,
            )
        if taken is None:
            return False
        due, verdict = taken
        if verdict is Verdict.READY:
            await self.attempt(due)
        else:
            log_outcome(due, "dropped" if verdict is Verdict.GONE else "unready")
        return True

    async def look_again(self) -> None:
        """With nothing to send: what was in trouble may wait for hours, or be sent by another."""
        if self.trouble is None or time.monotonic() - self.looked_at < LOOK_SECONDS:
            return
        self.looked_at = time.monotonic()
        try:
            await smtp.greet(self.server)
        except smtp.Delayed as delayed:
            self.trouble = self.refuses(delayed)
        else:
            self.trouble = None

    def refuses(self, delayed: smtp.Delayed) -> str:
        return (
            f"the mail server {self.server.host}:{self.server.port} takes no mail"
            f" ({delayed.cause}): see that it runs and takes our account; « E-mails non"
            " remis » tells what it says"
        )

    async def attempt(self, due: Due) -> None:
        """Whatever goes wrong, the mail is kept with what became of it."""
        to = due.email
        try:
            letter = await self.letter(due)
            to = letter.email
            recipient, content = self.written(letter)
            sender = self.house.sender.addr_spec
            await smtp.hand_over(self.server, sender, recipient, content)
        except Gone:
            await self.keep(due, "dropped", trying.mark_gone)
        except Silent as silent:
            self.trouble = (
                f"those who know what a mail says are silent ({silent}): see that they run"
            )
            await self.keep(due, "unready", self.put_off, cause=str(silent))
        except smtp.Refused as refused:
            said, cause = refused.said, refused.cause
            await self.keep(
                due, "failed", lambda s, m: trying.mark_refused(s, m, to=to, said=said), cause=cause
            )
        except smtp.Delayed as delayed:
            if not delayed.of_this_mail:
                self.trouble = self.refuses(delayed)
            await self.delay(due, to, delayed.said, delayed.cause)
        except Exception as bug:  # one mail that cannot be sent must not hold up the others
            kind = type(bug).__name__
            await self.delay(due, to, kind, kind)
        else:
            self.trouble = None
            await self.keep(due, "sent", lambda s, m: trying.mark_sent(s, m, to=to))

    async def delay(self, due: Due, to: str, said: str, cause: str) -> None:
        pauses = self.settings.mail_retry_seconds
        last = due.mail.attempts > len(pauses)
        await self.keep(
            due,
            "failed" if last else "delayed",
            lambda s, m: trying.mark_delayed(s, m, to=to, said=said, pauses=pauses),
            cause=cause,
        )

    async def put_off(self, session: AsyncSession, mail: Mail) -> None:
        trying.wait(mail, at=await trying.now(session), patience=self.patience)

    def written(self, letter: Letter) -> tuple[str, bytes]:
        """To which address, and what."""
        try:
            message = write(letter, self.house, at=clock.now())
            return envelope_address(letter.email), as_sent(message)
        except ValueError as impossible:
            raise smtp.Refused(str(impossible), "unwritable") from impossible

    # --- What it tells ------------------------------------------------------------------------

    async def letter(self, due: Due) -> Letter:
        """All of it; raises Silent where its owner did not say, Gone where a link is over."""
        try:
            async with asyncio.timeout(FETCHING_SECONDS):
                if due.mail.link_id is not None:
                    return await self.link_letter(due, due.mail.link_id)
                if due.person is None:
                    raise LookupError("a mail without its person is not ready")
                return await self.news_letter(due, due.person)
        except TimeoutError as slow:
            raise Silent("timeout") from slow

    async def link_letter(self, due: Due, link_id: UUID) -> Letter:
        refuses = due.kind is Kind.EMAIL_ASKED
        fetch = self.owners.link_refusal if refuses else self.owners.link_secret
        link = await fetch(link_id)
        if link is None:
            raise Gone
        return Letter(
            id=due.mail.id,
            kind=Kind.EMAIL_IN_USE if link.taken else due.kind,
            language=Language(due.wishes.language),
            first_name=link.first_name,
            last_name=link.last_name,
            email=link.email,
            link_secret=link.secret,
            new_email=link.new_email or "",
            expires_at=link.expires_at,
        )

    async def news_letter(self, due: Due, person: Person) -> Letter:
        return Letter(
            id=due.mail.id,
            kind=due.kind,
            language=Language(due.wishes.language),
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
        """Named by its subject, unless its owner does not say it for a while."""
        if due.ticket is None:
            return None
        try:
            subject = await self.owners.subject(due.ticket.number)
        except Silent:
            if due.mail.waits < WAITS_FOR_TEXTS:
                raise
            subject = None
        return request_of(due.ticket, subject or "")

    async def texts(self, due: Due) -> list[str]:
        """The last words that it tells of, where a setting wants them in mails."""
        if not self.settings.mail_with_text:
            return []
        try:
            texts = [await self.owners.text(id) for id in due.message_ids[-TEXTS_MOST:]]
        except Silent:
            if due.mail.waits < WAITS_FOR_TEXTS:
                raise
            return []
        return [text for text in texts if text]

    def unsubscription(self, person: Person, kind: Kind) -> str:
        return preferences.token_for(self.secret, person.id, kind) if kind in WISHES else ""

    # --- What became of it --------------------------------------------------------------------

    async def keep(self, due: Due, outcome: str, mark: Marking, *, cause: str = "") -> None:
        """However long the database is away: what is forgotten would be sent again."""
        while True:
            try:
                async with self.database.transaction() as session:
                    mail = await trying.held(session, due.mail.id, due.mail.claim)
                    if mail is None:
                        outcome = "lost"  # it took so long that another worker has it now
                    else:
                        await mark(session, mail)
                break
            except UNREACHABLE as trouble:
                log.warning("mail_not_kept", mail_id=str(due.mail.id), trouble=describe(trouble))
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
    """In figures and in the log, without a name, an address or a server's words."""
    MAILS.labels(due.kind, outcome).inc()
    log.info(
        "mail",
        mail_id=str(due.mail.id),
        kind=str(due.kind),
        outcome=outcome,
        attempt=due.mail.attempts,
        **({"cause": cause} if cause else {}),
    )
