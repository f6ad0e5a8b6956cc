"""The mail server: what it takes, what it refuses for now, what it refuses for good."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiosmtplib
from aiosmtplib import SMTP, errors

QUIT_SECONDS = 2
PERMANENT = 500
OUR_ACCOUNT = {530, 534, 535, 538}  # who we are is refused, not this mail: RFC 4954

ABOUT_THE_MAIL = (
    errors.SMTPSenderRefused,
    errors.SMTPRecipientRefused,
    errors.SMTPDataError,
)


@dataclass(frozen=True)
class Server:
    """`name` is what we call ourselves; a try may take `seconds`."""

    host: str
    port: int
    tls: str
    user: str
    name: str
    seconds: float
    password: str = field(repr=False)


class NotSent(Exception):
    """`said` is for staff alone, since servers like to repeat addresses; `cause` is for logs."""

    def __init__(self, said: str, cause: str) -> None:
        super().__init__(cause)
        self.said, self.cause = said, cause


class Refused(NotSent):
    """This mail, for good."""


class Delayed(NotSent):
    """The server wants this mail later, or, unless it is `of_this_mail`, is away or in trouble."""

    def __init__(self, said: str, cause: str, *, of_this_mail: bool = False) -> None:
        super().__init__(said, cause)
        self.of_this_mail = of_this_mail


async def hand_over(server: Server, sender: str, recipient: str, content: bytes) -> None:
    """Returns once the server has taken the mail over; raises Refused or Delayed."""
    async with connected(server) as smtp:
        await send(smtp, sender, recipient, content)


async def greet(server: Server) -> None:
    """Raises Delayed unless the server is there and takes our account."""
    async with connected(server):
        pass


@asynccontextmanager
async def connected(server: Server) -> AsyncGenerator[SMTP]:
    smtp = SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.tls == "tls",
        start_tls=server.tls == "starttls",
        username=server.user or None,
        password=server.password or None,
        local_hostname=server.name,
        timeout=server.seconds,
    )
    try:
        async with asyncio.timeout(server.seconds):
            await connect(smtp)
            yield smtp
    except TimeoutError as hanging:
        smtp.close()
        raise Delayed("the mail server did not answer in time", "timeout") from hanging
    except BaseException:
        smtp.close()
        raise
    await leave(smtp)


async def connect(smtp: SMTP) -> None:
    """Greeting, EHLO, TLS, AUTH: nothing of this is about the mail."""
    try:
        await smtp.connect()
        await smtp.ehlo()
    except aiosmtplib.SMTPResponseException as answer:
        raise Delayed(told(answer.code, answer.message), f"connect {answer.code}") from answer
    except TimeoutError:
        raise
    except (aiosmtplib.SMTPException, OSError, ValueError) as trouble:
        raise Delayed(str(trouble) or type(trouble).__name__, type(trouble).__name__) from trouble


async def send(smtp: SMTP, sender: str, recipient: str, content: bytes) -> None:
    options = [] if recipient.isascii() else ["SMTPUTF8"]
    if options and not smtp.supports_extension("smtputf8"):
        raise Refused("the mail server takes no address of other letters than ASCII's", "smtputf8")
    try:
        await smtp.sendmail(sender, [recipient], content, mail_options=options)
    except errors.SMTPRecipientsRefused as refused:
        raise judged(refused.recipients[0]) from refused
    except aiosmtplib.SMTPResponseException as answer:
        raise judged(answer) from answer
    except TimeoutError:
        raise
    except (aiosmtplib.SMTPException, OSError) as trouble:
        raise Delayed(str(trouble) or type(trouble).__name__, type(trouble).__name__) from trouble


def judged(answer: aiosmtplib.SMTPResponseException) -> NotSent:
    said, cause = told(answer.code, answer.message), f"{type(answer).__name__} {answer.code}"
    of_this_mail = isinstance(answer, ABOUT_THE_MAIL) and answer.code not in OUR_ACCOUNT
    if answer.code >= PERMANENT and of_this_mail:
        return Refused(said, cause)
    return Delayed(said, cause, of_this_mail=of_this_mail)


def told(code: int, message: str) -> str:
    return f"{code} {message}" if code > 0 else message


async def leave(smtp: SMTP) -> None:
    """A farewell that goes wrong takes nothing back: the mail is theirs."""
    with suppress(aiosmtplib.SMTPException, TimeoutError, OSError):
        async with asyncio.timeout(QUIT_SECONDS):
            await smtp.quit()
    smtp.close()
