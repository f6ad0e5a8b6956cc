"""The SMTP client: sends one mail, and distinguishes temporary from permanent failures."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiosmtplib
from aiosmtplib import SMTP, errors

QUIT_SECONDS = 2
PERMANENT = 500
OUR_ACCOUNT = {530, 534, 535, 538}  # authentication failed: RFC 4954

ABOUT_THE_MAIL = (
    errors.SMTPSenderRefused,
    errors.SMTPRecipientRefused,
    errors.SMTPDataError,
)


@dataclass(frozen=True)
class Server:
    """`name` is our name in EHLO; an attempt may take `seconds`."""

    host: str
    port: int
    tls: str
    user: str
    name: str
    seconds: float
    password: str = field(repr=False)


class NotSent(Exception):
    """`response` is for staff only (servers repeat addresses in it); `cause` is for logs."""

    def __init__(self, response: str, cause: str) -> None:
        super().__init__(cause)
        self.response, self.cause = response, cause


class Refused(NotSent):
    """This mail will never be accepted."""


class Delayed(NotSent):
    """Try again later: because `of_this_mail`, or else because the server is down or failing."""

    def __init__(self, response: str, cause: str, *, of_this_mail: bool = False) -> None:
        super().__init__(response, cause)
        self.of_this_mail = of_this_mail


async def deliver(server: Server, sender: str, recipient: str, content: bytes) -> None:
    """Returns once the server has accepted the mail; raises Refused or Delayed."""
    async with connected(server) as smtp:
        await send(smtp, sender, recipient, content)


async def check(server: Server) -> None:
    """Raises Delayed unless the server answers and accepts our account."""
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
    await disconnect(smtp)


async def connect(smtp: SMTP) -> None:
    """Greeting, EHLO, TLS, AUTH: a failure here is the server's, not the mail's."""
    try:
        await smtp.connect()
        await smtp.ehlo()
    except aiosmtplib.SMTPResponseException as answer:
        raise Delayed(
            response_text(answer.code, answer.message), f"connect {answer.code}"
        ) from answer
    except TimeoutError:
        raise
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise Delayed(str(error) or type(error).__name__, type(error).__name__) from error


async def send(smtp: SMTP, sender: str, recipient: str, content: bytes) -> None:
    options = [] if recipient.isascii() else ["SMTPUTF8"]
    if options and not smtp.supports_extension("smtputf8"):
        raise Refused("the mail server accepts no non-ASCII addresses", "smtputf8")
    try:
        await smtp.sendmail(sender, [recipient], content, mail_options=options)
    except errors.SMTPRecipientsRefused as refused:
        raise classified(refused.recipients[0]) from refused
    except aiosmtplib.SMTPResponseException as answer:
        raise classified(answer) from answer
    except TimeoutError:
        raise
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Delayed(str(error) or type(error).__name__, type(error).__name__) from error


def classified(answer: aiosmtplib.SMTPResponseException) -> NotSent:
    response = response_text(answer.code, answer.message)
    cause = f"{type(answer).__name__} {answer.code}"
    of_this_mail = isinstance(answer, ABOUT_THE_MAIL) and answer.code not in OUR_ACCOUNT
    if answer.code >= PERMANENT and of_this_mail:
        return Refused(response, cause)
    return Delayed(response, cause, of_this_mail=of_this_mail)


def response_text(code: int, message: str) -> str:
    return f"{code} {message}" if code > 0 else message


async def disconnect(smtp: SMTP) -> None:
    """Errors of QUIT are ignored: the server has accepted the mail."""
    with suppress(aiosmtplib.SMTPException, TimeoutError, OSError):
        async with asyncio.timeout(QUIT_SECONDS):
            await smtp.quit()
    smtp.close()
