"""What Prometheus is told of mails; never of whom."""

from prometheus_client import Counter, Gauge

from chassis import clock
from chassis.data.database import Database
from notifications import queries

MAILS = Counter(
    "guichet_mails", "Mails tried, by kind and by what came of it.", ["kind", "outcome"]
)
DEPTH = Gauge("guichet_mail_queue_mails", "Mails whose time has come and that were not sent.")
AGE = Gauge("guichet_mail_queue_age_seconds", "For how long the oldest of them has been due.")
TOO_OLD = Gauge(
    "guichet_mail_too_old_mails", "Mails kept unsent: what they tell was old when it was heard of."
)
UNREADY = Gauge("guichet_mail_unready_mails", "Mails that wait for an event they need.")


async def measure(database: Database) -> None:
    async with database.reading() as reader:
        waiting, oldest = await queries.depth(reader, at=clock.now())
        unready = await queries.unready(reader)
        too_old = await queries.too_old(reader)
    DEPTH.set(waiting)
    AGE.set(oldest)
    UNREADY.set(unready)
    TOO_OLD.set(too_old)
