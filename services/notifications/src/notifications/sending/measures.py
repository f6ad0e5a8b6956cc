"""The metrics of mail; no label names a person."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from chassis import clock
from chassis.data.database import Database
from notifications import queries

# Not the one of the process: in the local stack all services are forked from one that imports this.
REGISTRY = CollectorRegistry()
MAILS = Counter(
    "guichet_mails", "Mails tried, by kind and outcome.", ["kind", "outcome"], registry=REGISTRY
)
DEPTH = Gauge("guichet_mail_queue_mails", "Mails that are due and not sent yet.", registry=REGISTRY)
AGE = Gauge(
    "guichet_mail_queue_age_seconds",
    "Seconds since the oldest of them was due.",
    registry=REGISTRY,
)
TOO_OLD = Gauge(
    "guichet_mail_too_old_mails",
    "Mails not sent because their event arrived too late.",
    registry=REGISTRY,
)
UNREADY = Gauge(
    "guichet_mail_unready_mails", "Mails that wait for an event they need.", registry=REGISTRY
)


async def measure(database: Database) -> None:
    async with database.reading() as reader:
        waiting, oldest = await queries.depth(reader, at=clock.now())
        unready = await queries.unready(reader)
        too_old = await queries.too_old(reader)
    DEPTH.set(waiting)
    AGE.set(oldest)
    UNREADY.set(unready)
    TOO_OLD.set(too_old)
