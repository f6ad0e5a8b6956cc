"""Imports products from a CSV file."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Any
from uuid import UUID

from psycopg import AsyncConnection
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncMappingResult, AsyncSession

from catalog.operations.reading import Row, rows_of
from chassis import clock
from chassis.data.database import new_id
from chassis.data.writing import flush_pending
from chassis.errors import Refusal
from chassis.messaging.outbox import Again, publish
from contracts.catalog.api import MAX_REJECTED, ImportReport, RejectedRow, TwinReference
from contracts.catalog.events import ProductsChanged, ProductState

BATCH_ROWS = 2_000
PRODUCTS_IN_EVENT = 200
CHARACTERS_IN_EVENT = 100_000  # some 15,000 are usual, and none takes more than six bytes
IMPORT_LOCK = 1_754_407
IMPORTS = "import"  # the kind of upload
IMPORTING = "imports"  # the loop that takes them


class ImportRunning(Refusal):
    code = "import_running"


@dataclass
class Tally:
    """Counts while the file is read."""

    rows: int = 0
    rejected_count: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)

    def reject(self, row: RejectedRow) -> None:
        self.rejected_count += 1
        if len(self.rejected) < MAX_REJECTED:
            self.rejected.append(row)

    def good_rows(self, file: IO[bytes]) -> Iterator[Row]:
        for row in rows_of(file):
            self.rows += 1
            if isinstance(row, Row):
                yield row
            else:
                self.reject(row)


async def import_upload(session: AsyncSession, _: UUID, file: IO[bytes]) -> dict[str, Any]:
    """The report that is stored for an import that came in parts."""
    report = await import_products(session, file)
    return {"report": report.model_dump(mode="json")}


async def import_products(session: AsyncSession, file: IO[bytes]) -> ImportReport:
    """Import every good row of the file, or nothing if the file as a whole is refused.

    Rows are copied into a staging table and merged in bulk: memory stays flat however long the file
    is. Changes are published in the same transaction; products that are not in the file stay as
    they are. One import at a time: `ImportRunning`.
    """
    began = time.monotonic()
    await take_the_time_it_needs(session)
    if not await session.scalar(text(f"SELECT pg_try_advisory_xact_lock({IMPORT_LOCK})")):
        raise ImportRunning("another import is under way")
    await make_room(session)
    tally = Tally()
    await stage(session, tally.good_rows(file))
    repeated_count, repeated = await reject_repeated(session)
    twin_count, twins = await find_twins(session)
    withdrawn = await count_withdrawn(session)
    changed, created = await merge(session)
    await announce(session)
    await session.execute(text("SELECT settle_products()"))
    rejected_count = tally.rejected_count + repeated_count
    return ImportReport(
        rows=tally.rows,
        created=created,
        changed=changed,
        unchanged=tally.rows - rejected_count - created - changed,
        withdrawn=withdrawn,
        rejected_count=rejected_count,
        rejected=sorted(tally.rejected + repeated, key=lambda row: row.line)[:MAX_REJECTED],
        twin_count=twin_count,
        twins=twins,
        seconds=round(time.monotonic() - began, 3),
    )


async def take_the_time_it_needs(session: AsyncSession) -> None:
    """Longer time-outs than requests have: a million rows take minutes."""
    await session.execute(text("SET LOCAL statement_timeout = '30min'"))
    await session.execute(text("SET LOCAL lock_timeout = '2min'"))
    await session.execute(text("SET LOCAL work_mem = '32MB'"))


async def make_room(session: AsyncSession) -> None:
    """Temporary tables: `staged` for the file's good rows, `touched` for those that the merge
    changed.
    """
    await session.execute(text("DROP TABLE IF EXISTS staged, touched"))
    await session.execute(
        text("""
            CREATE TEMPORARY TABLE staged (
                line bigint, reference text, designation text, on_sale boolean
            ) ON COMMIT DROP
        """)
    )
    await session.execute(
        text("""
            CREATE TEMPORARY TABLE touched (
                id uuid, version int, reference text, designation text, on_sale boolean
            ) ON COMMIT DROP
        """)
    )


async def stage(session: AsyncSession, rows: Iterator[Row]) -> None:
    """Parses in a thread, batch by batch, so that other requests go on."""
    connection = await driver_connection(session)
    async with (
        connection.cursor() as cursor,
        cursor.copy("COPY staged (line, reference, designation, on_sale) FROM STDIN") as copy,
    ):
        while block := await asyncio.to_thread(next_block, rows):
            await copy.write(block)
    await session.execute(text("ANALYZE staged"))


# In COPY's text format, what would end a field or a row is written by a backslash.
ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def next_block(rows: Iterator[Row]) -> str:
    return "".join(
        f"{row.line}\t{row.reference.translate(ESCAPED)}\t{row.designation.translate(ESCAPED)}"
        f"\t{row.on_sale}\n"
        for row in islice(rows, BATCH_ROWS)
    )


async def driver_connection(session: AsyncSession) -> AsyncConnection[Any]:
    """psycopg's own connection, in the same transaction: SQLAlchemy has no COPY."""
    raw = await (await session.connection()).get_raw_connection()
    connection = raw.driver_connection
    if not isinstance(connection, AsyncConnection):
        raise TypeError("the import needs psycopg")
    return connection


async def reject_repeated(session: AsyncSession) -> tuple[int, list[RejectedRow]]:
    """Reject references that an earlier row of the file has; returns their number and the first
    ones.
    """
    found = await session.execute(
        text(f"""
            WITH repeated AS (
                DELETE FROM staged
                USING (
                    SELECT line, row_number() OVER (PARTITION BY reference ORDER BY line) AS nth
                    FROM staged
                ) AS counted
                WHERE nth > 1 AND staged.line = counted.line
                RETURNING staged.line, staged.reference
            )
            SELECT line, reference, count(*) OVER () AS repeated_count FROM repeated
            ORDER BY line LIMIT {MAX_REJECTED}
        """)  # noqa: S608 - a constant
    )
    rows = found.all()
    rejected = [
        RejectedRow(line=row.line, reference=row.reference, reason="reference_repeated")
        for row in rows
    ]
    return (rows[0].repeated_count if rows else 0), rejected


async def find_twins(session: AsyncSession) -> tuple[int, list[TwinReference]]:
    """References that look like an earlier one in the file, or like a product that is not in it.

    Each product's row holds what its reference looks like; it is computed only for new ones.
    """
    rows = await session.execute(
        text("""
            WITH looked_at AS MATERIALIZED (
                SELECT line, reference, coalesce(products.alike, alike(reference)) AS alike
                FROM staged LEFT JOIN products USING (reference)
            ), of_file AS (
                SELECT line, reference, alike,
                    first_value(reference) OVER same AS twin, first_value(line) OVER same AS twin_line
                FROM looked_at WHERE alike <> ''
                WINDOW same AS (PARTITION BY alike ORDER BY line)
            ), twins AS (
                SELECT line, reference, twin, twin_line FROM of_file WHERE line > twin_line
                UNION ALL
                SELECT DISTINCT ON (line) line, of_file.reference, products.reference, NULL
                FROM of_file JOIN products USING (alike)
                WHERE line = twin_line AND NOT EXISTS (
                    SELECT FROM staged WHERE staged.reference = products.reference)
            )
            SELECT *, count(*) OVER () AS twin_count FROM twins ORDER BY line LIMIT :most
        """),
        {"most": MAX_REJECTED},
    )
    found = rows.all()
    return (found[0].twin_count if found else 0), [
        TwinReference.model_validate(row) for row in found
    ]


async def count_withdrawn(session: AsyncSession) -> int:
    """Products on sale that are withdrawn in the file."""
    found = await session.scalar(
        text("""
            SELECT count(*) FROM staged JOIN products USING (reference)
            WHERE products.on_sale AND NOT staged.on_sale
        """)
    )
    return found or 0


async def merge(session: AsyncSession) -> tuple[int, int]:
    """How many products were changed and created. Unchanged ones are not written."""
    changed = await count_touched(
        session,
        """
        UPDATE products
        SET designation = staged.designation, on_sale = staged.on_sale,
            version = products.version + 1, changed_at = now()
        FROM staged
        WHERE staged.reference = products.reference
            AND (staged.designation, staged.on_sale)
                IS DISTINCT FROM (products.designation, products.on_sale)
        """,
    )
    created = await count_touched(
        session,
        """
        INSERT INTO products (id, reference, designation, on_sale, version)
        SELECT gen_random_uuid(), reference, designation, on_sale, 1 FROM staged
        WHERE NOT EXISTS (SELECT FROM products WHERE products.reference = staged.reference)
        """,
    )
    return changed, created


async def count_touched(session: AsyncSession, write: str) -> int:
    found = await session.scalar(
        text(f"""
            WITH written AS (
                {write} RETURNING products.id, products.version, products.reference,
                    products.designation, products.on_sale
            ), kept AS (
                INSERT INTO touched SELECT * FROM written RETURNING id
            )
            SELECT count(*) FROM kept
        """)  # noqa: S608 - a statement of this page
    )
    return found or 0


async def announce(session: AsyncSession) -> None:
    """Publish one event per 200 products, written as it goes so that memory stays flat."""
    change_id = new_id()
    touched = await session.stream(text("SELECT * FROM touched"))
    async for products in parcels(touched.mappings()):
        publish(session, ProductsChanged(change_id=change_id, products=products))
        await flush_pending(session)


async def from_tables(session: AsyncSession) -> AsyncGenerator[Again]:
    """The current state of products whose events the outbox no longer holds."""
    found = await session.stream(
        text("""
            WITH announced AS MATERIALIZED (
                SELECT (product->>'id')::uuid AS id, (product->>'version')::int AS version
                FROM messaging.outbox, jsonb_array_elements(body::jsonb->'data'->'products') product
                WHERE type = :type
            )
            SELECT id, version, reference, designation, on_sale FROM products
            WHERE NOT EXISTS (
                SELECT FROM announced
                WHERE (announced.id, announced.version) = (products.id, products.version)
            )
            ORDER BY changed_at, id
        """),
        {"type": ProductsChanged.type},
    )
    change_id = new_id()
    async for products in parcels(found.mappings()):
        event = ProductsChanged(change_id=change_id, products=products)
        yield Again(event, None, clock.now())


async def parcels(touched: AsyncMappingResult) -> AsyncGenerator[list[ProductState]]:
    """At most 200 products per event, fewer if they are very long: NATS accepts one megabyte."""
    parcel: list[ProductState] = []
    characters = 0
    async for row in touched:
        parcel.append(ProductState.model_validate(dict(row)))
        characters += len(row["reference"]) + len(row["designation"])
        if len(parcel) == PRODUCTS_IN_EVENT or characters > CHARACTERS_IN_EVENT:
            yield parcel
            parcel, characters = [], 0
    if parcel:
        yield parcel
