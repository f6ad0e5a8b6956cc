"""What Prometheus is told of mails; never of whom."""

from datetime import UTC, datetime

from prometheus_client import Counter, Gauge

from chassis.database import Database
from notifications import queries

MAILS = Counter(
    "guichet_mails", "Mails tried, by kind and by what came of it.", ["kind", "outcome"]
)
DEPTH = Gauge("guichet_mail_queue_mails", "Mails whose time has come and that were not sent.")
AGE = Gauge("guichet_mail_queue_age_seconds", "For how long the oldest of them has been due.")
UNREADY = Gauge("guichet_mail_unready_mails", "Mails that wait for an event they need.")


async def measure(database: Database) -> None:
    async with database.transaction() as session:
        waiting, oldest = await queries.depth(session, at=datetime.now(UTC))
        unready = await queries.unready(session)
    DEPTH.set(waiting)
    AGE.set(oldest)
    UNREADY.set(unready)
