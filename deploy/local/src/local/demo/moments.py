"""When the demo's people did what they did: their rows are changed directly, without an API."""

import hashlib
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg

from chassis.messaging.outbox import CHANNEL
from contracts.topology import LISTENINGS, Listening
from local.launcher import databases
from local.launcher.machine.processes import wait_until
from local.launcher.stack import Stack

OPENS = time(8, 40)
LOCK = 0xDE40
SUNDAY = 6


class Calendar:
    """Says when things happened, seen from the moment at which the demo was begun."""

    def __init__(self, now: datetime, zone: ZoneInfo) -> None:
        self.now, self.zone = now, zone

    def moments(self, ago: str, seed: str) -> list[datetime]:
        """From « 12 12 11 5h 20m »: days of the shop, hours or minutes ago, the oldest first.

        Days are working days, each with its own hour; what happens on one day is half an hour to
        three hours apart.
        """
        moments: list[datetime] = []
        for position, each in enumerate(ago.split()):
            share = fraction(f"{seed} {position}")
            if each[-1] in "hm":
                unit = "hours" if each[-1] == "h" else "minutes"
                at = self.now - timedelta(**{unit: float(each[:-1])})
            else:
                at = self.morning(int(each)) + timedelta(minutes=180 * share)
            if moments and at <= moments[-1]:
                at = moments[-1] + timedelta(minutes=30 + 120 * share)
            moments.append(min(at, self.now - timedelta(minutes=1)))
        return moments

    def morning(self, days_ago: int) -> datetime:
        day = self.now.astimezone(self.zone).date() - timedelta(days_ago)
        if day.weekday() == SUNDAY:
            day -= timedelta(days=1)
        return datetime.combine(day, OPENS, self.zone)


def fraction(seed: str) -> float:
    """Between 0 and 1, always the same for the same words."""
    return int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF


# --- What is announced ------------------------------------------------------------------------

HOLD = f"""
    CREATE OR REPLACE FUNCTION messaging.hold_for_demo() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = {LOCK} AND granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
        THEN NEW.published_at := 'infinity'; END IF;
        RETURN NEW;
    END $$;
    CREATE OR REPLACE TRIGGER hold_for_demo BEFORE INSERT ON messaging.outbox
    FOR EACH ROW EXECUTE FUNCTION messaging.hold_for_demo();
"""  # noqa: S608 -- constants of ours
RELEASE = f"""
    DROP TRIGGER hold_for_demo ON messaging.outbox;
    DROP FUNCTION messaging.hold_for_demo();
    UPDATE messaging.outbox SET published_at = NULL WHERE published_at = 'infinity';
    NOTIFY {CHANNEL};
"""  # noqa: S608 -- constants of ours
# An event that is held back has its time in its envelope and in one field of its data.
DATE = """
    UPDATE messaging.outbox SET recorded_at = at, body = (body::jsonb || jsonb_build_object(
        'time', at, 'data', body::jsonb -> 'data' || jsonb_build_object(field, at)))::text
    FROM dated WHERE published_at = 'infinity' AND outbox.position = dated.position
    AND at IS NOT NULL;
"""


def connect(stack: Stack, service: str) -> psycopg.Connection:
    url = stack.database_url(service, databases.owner(service)).replace("+psycopg", "")
    return psycopg.connect(url, autocommit=True)


@contextmanager
def held(stack: Stack, service: str) -> Generator[psycopg.Connection]:
    """Hold back this service's events until its rows have their moments.

    So nobody hears of anything as if it were new, and no mail is sent on what is old. A demo that
    is killed holds nothing any more: the trigger asks for a lock that ends with this connection.
    """
    with connect(stack, service) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        connection.execute(HOLD)
        yield connection
        with connection.transaction():
            connection.execute(RELEASE)


def put(connection: psycopg.Connection, columns: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Fill the temporary table `moments` of this connection."""
    connection.execute(f"CREATE TEMP TABLE moments ({columns})".encode())
    with connection.cursor().copy("COPY moments FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def forget_old_mails(stack: Stack) -> None:
    """Move the mails, which notifications stores as too late, once it has handled all events."""
    listenings = [each for each in LISTENINGS if each.service == "notifications"]
    last = [event for each in listenings if (event := last_event(stack, each))]
    with connect(stack, "notifications") as connection:
        known = "SELECT count(*) FROM messaging.inbox WHERE event_id = ANY(%s)"
        wait_until(lambda: connection.execute(known, [last]).fetchone() == (len(last),), 30)
        connection.execute(
            "DELETE FROM mails WHERE id IN"
            " (SELECT mail_id FROM reasons WHERE happened_at < now() - interval '1 day')"
        )


def last_event(stack: Stack, listening: Listening) -> UUID | None:
    last = (
        "SELECT event_id FROM messaging.outbox WHERE type = ANY(%s) ORDER BY position DESC LIMIT 1"
    )
    with connect(stack, listening.to) as connection:
        row = connection.execute(last, [list(listening.types)]).fetchone()
    return row[0] if row else None


# --- People and sales -------------------------------------------------------------------------


def move_customers(connection: psycopg.Connection, moments: Mapping[str, datetime]) -> None:
    """`moments` by the customer's id: when each was registered."""
    put(connection, "id uuid, at timestamptz", moments.items())
    connection.execute(f"""
        UPDATE accounts SET registered_at = at FROM moments WHERE accounts.id = moments.id;
        CREATE TEMP VIEW dated AS SELECT position, 'registered_at' AS field, at
        FROM messaging.outbox JOIN moments ON body::jsonb -> 'data' ->> 'customer_id' = id::text;
        {DATE}
    """)  # noqa: S608 -- constants of ours


def move_sales(connection: psycopg.Connection, moments: Mapping[str, datetime]) -> None:
    """`moments` by the sale's id: when each was recorded."""
    put(connection, "id uuid, at timestamptz", moments.items())
    connection.execute(f"""
        UPDATE sales SET recorded_at = at FROM moments WHERE sales.id = moments.id;
        CREATE TEMP VIEW dated AS SELECT position, 'recorded_at' AS field, at
        FROM messaging.outbox JOIN moments ON body::jsonb -> 'data' ->> 'sale_id' = id::text;
        {DATE}
    """)  # noqa: S608 -- constants of ours


# --- Requests ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Conversation:
    """One conversation: when each message was written, and when it was resolved."""

    number: int
    messages: list[datetime]
    resolved: datetime | None = None


def move_requests(connection: psycopg.Connection, conversations: Iterable[Conversation]) -> None:
    """Messages in their order, and all that follows from them: waits, activity, hints, events."""
    rows: list[tuple[object, ...]] = []
    for each in conversations:
        rows += [(each.number, position, at) for position, at in enumerate(each.messages, 1)]
        rows += [(each.number, 0, each.resolved)] if each.resolved else []
    put(connection, "number bigint, place int, at timestamptz", rows)
    connection.execute(MOVE_REQUESTS)


MOVE_REQUESTS = f"""
    CREATE TEMP TABLE placed AS
        SELECT said.id, ticket_id, moments.number, kind, position, at
        FROM (SELECT *, row_number() OVER (PARTITION BY ticket_id ORDER BY position) AS place
              FROM messages) AS said
        JOIN tickets ON tickets.id = ticket_id
        JOIN moments ON moments.number = tickets.number AND moments.place = said.place;
    UPDATE messages SET sent_at = at FROM placed WHERE placed.id = messages.id;
    UPDATE tickets SET
        opened_at = first, last_activity_at = greatest(last, ended), resolved_at = ended,
        waiting_since = CASE WHEN waiting_since IS NOT NULL THEN waiting END
    FROM (
        SELECT ticket_id, number, min(at) AS first, max(at) FILTER (WHERE kind <> 'note') AS last,
            min(at) FILTER (WHERE kind = 'customer' AND position > answered) AS waiting
        FROM (SELECT *, coalesce(max(position) FILTER (WHERE kind = 'staff')
                                 OVER (PARTITION BY ticket_id), 0) AS answered FROM placed) AS said
        GROUP BY ticket_id, number
    ) AS moved
    LEFT JOIN (SELECT number, at AS ended FROM moments WHERE place = 0) AS ends USING (number)
    WHERE tickets.id = ticket_id;
    UPDATE changes SET changed_at = last_activity_at FROM tickets
    WHERE tickets.number = changes.number AND changes.number IN (SELECT number FROM moments);
    CREATE TEMP VIEW dated AS
        SELECT outbox.position, field, CASE field WHEN 'sent_at' THEN placed.at
            WHEN 'resolved_at' THEN resolved_at ELSE opened_at END AS at
        FROM messaging.outbox
        JOIN (VALUES ('tickets.ticket-opened.v1', 'opened_at'),
                     ('tickets.ticket-message-added.v1', 'sent_at'),
                     ('tickets.ticket-prioritised.v1', 'prioritised_at'),
                     ('tickets.ticket-resolved.v1', 'resolved_at')) AS fields (type, field)
            USING (type)
        JOIN tickets ON tickets.id::text = body::jsonb -> 'data' ->> 'ticket_id'
        LEFT JOIN placed ON placed.id::text = body::jsonb -> 'data' ->> 'message_id';
    {DATE}
"""  # noqa: S608 -- constants of ours
