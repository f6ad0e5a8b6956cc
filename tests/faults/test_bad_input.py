"""Every wrong input is refused through the gateway with a stable code, and leaves no trace."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from chassis.data import provisioning
from chassis.http.bodies import LONG_BODY
from shop import Account, Product, Shop, new_request, new_sale, serial_number, today
from waiting import eventually

NUL, LONE = "a\0b", "a\ud800b"


# What a service learns from others, by events or by asking; it comes at any moment.
LEARNED = ["inbox", "known_customers", "sellable_products", "people", "owned_products"]


@pytest.fixture
def unchanged(stack, shop) -> Callable[[str], Any]:
    """A block in which a service's own tables gain and lose no row, its outbox included."""

    @contextmanager
    def watch(service: str) -> Generator[None]:
        before = rows(stack, service)
        yield
        assert rows(stack, service) == before, "something was half-written"

    return watch


def rows(stack, service: str) -> dict[str, list[tuple[int]]]:
    """How many rows each table holds."""
    with psycopg.connect(provisioning.on_database(stack.server_url, service)) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables"
            " where schemaname in ('public', 'messaging') and tablename <> all(%s)",
            [[*LEARNED, "sessions"]],
        ).fetchall()
        count = sql.SQL("select count(*) from {}")
        return {
            ".".join(name): connection.execute(count.format(sql.Identifier(*name))).fetchall()
            for name in tables
        }


@dataclass(frozen=True)
class Wrong:
    """One body that must be refused."""

    change: dict[str, Any]
    status: int
    code: str
    field: str
    context: dict[str, Any] | None = None

    def check(self, answer) -> None:
        assert answer.status_code == self.status, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == self.status
        assert problem["code"] == ("invalid" if self.status == 422 else self.code) or (
            problem["code"] == self.code
        )
        [error] = problem["errors"]
        assert (error["field"], error["code"]) == (self.field, self.code)
        for name, value in (self.context or {}).items():
            assert error["context"][name] == value


# --- Sales ------------------------------------------------------------------------------------


def serial(text: str, code: str, **context: Any) -> Wrong:
    return Wrong({"serial_number": text}, 422, f"serial_number_{code}", "serial_number", context)


WRONG_SALES = {
    "a serial number of 14": serial("12345678901234", "length", length=14),
    "a serial number of 16": serial("1234567890123456", "length", length=16),
    "a serial number with é": serial("12345678901234é", "character", position=15, character="é"),
    "a serial number with ß": serial("ß23456789012345", "character", position=1, character="ß"),
    "a serial number with ı": serial("1234567ı9012345", "character", position=8, character="ı"),
    "full-width digits": serial("１２３４５６７８９０１２３４５", "character", position=1),
    "an inner space": serial("1234567 9012345", "character", position=8, character=" "),
    "no serial number": serial("", "length", length=0),
    "a serial number with NUL": Wrong(
        {"serial_number": "1234567\0901234"}, 422, "text_nul", "serial_number"
    ),
    "a serial number with half a character": Wrong(
        {"serial_number": "1234567\ud80090123"}, 422, "text_surrogate", "serial_number"
    ),
    "a date in the future": Wrong(
        {"sold_on": (today() + timedelta(days=1)).isoformat()}, 422, "sold_on_in_future", "sold_on"
    ),
    "a day that does not exist": Wrong(
        {"sold_on": "2026-02-31"}, 422, "date_unreadable", "sold_on"
    ),
    "seconds instead of a day": Wrong({"sold_on": 1790000000}, 422, "date_unreadable", "sold_on"),
    "words instead of a day": Wrong({"sold_on": "hier"}, 422, "date_unreadable", "sold_on"),
    "an unknown customer": Wrong(
        {"customer_id": str(uuid4())}, 422, "customer_unknown", "customer_id"
    ),
    "an unknown product": Wrong({"product_id": str(uuid4())}, 422, "product_unknown", "product_id"),
    "a customer that is no id": Wrong(
        {"customer_id": "Rousseau"}, 422, "uuid_parsing", "customer_id"
    ),
    "a field that is not known": Wrong({"price": 12}, 422, "extra_forbidden", "price"),
}


@pytest.mark.parametrize("wrong", WRONG_SALES.values(), ids=WRONG_SALES.keys())
async def test_a_wrong_sale_is_refused(unchanged, seller, customer, product, wrong):
    with unchanged("sales"):
        answer = await seller.call(
            "POST", "/api/sales", new_sale(customer, product, **wrong.change)
        )

    wrong.check(answer)


async def test_blanks_around_a_serial_number_and_small_letters_are_no_mistake(
    shop, customer, product
):
    sale = await shop.sell(customer, product, serial_number=" \tabcdefghij12345\r\n")

    assert sale["serial_number"] == "ABCDEFGHIJ12345"


async def test_a_unit_sold_before_is_refused_with_whom_to_ask(
    unchanged, shop, seller, customer, product
):
    first = await shop.sell(customer, product, seller=seller)
    other = await shop.register("Marc", "Rousseau")
    again = new_sale(other, product, serial_number=first["serial_number"].lower())
    with unchanged("sales"):
        answer = await seller.call("POST", "/api/sales", again)

    Wrong({}, 409, "serial_number_already_sold", "serial_number").check(answer)
    body = answer.json()["context"]
    assert body["sale_id"] == first["id"]
    assert body["seller_name"] == "Julien Morel"
    assert body["sold_on"] == first["sold_on"]


async def test_a_withdrawn_product_needs_to_be_confirmed(unchanged, shop, seller, customer):
    withdrawn = await shop.product("10MAD9901")
    assert not withdrawn.on_sale
    sale = new_sale(customer, withdrawn)
    with unchanged("sales"):
        answer = await seller.call("POST", "/api/sales", sale)

    Wrong({}, 409, "product_withdrawn", "product_id").check(answer)
    await seller.post("/api/sales", {**sale, "withdrawn_confirmed": True})


async def test_a_customer_cannot_record_a_sale(unchanged, customer, product):
    with unchanged("sales"):
        answer = await customer.call("POST", "/api/sales", new_sale(customer, product))

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_body_that_is_no_json_is_refused(unchanged, shop, seller):
    headers = {
        "Authorization": f"Bearer {await seller.token()}",
        "Content-Type": "application/json",
    }
    with unchanged("sales"):
        answer = await shop.http.post("/api/sales", content=b'{"customer_id":', headers=headers)

    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["code"] == "json_invalid"


@pytest.mark.parametrize("length", [LONG_BODY, 2_100_000])  # for the service, for the gateway
async def test_a_body_larger_than_the_longest_text_is_refused(unchanged, seller, length):
    with unchanged("tickets"):
        answer = await seller.call("POST", "/api/tickets/1/messages", {"text": "a" * length})

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


# --- Requests ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def owner(shop: Shop, product: Product) -> tuple[Account, str]:
    """A customer and the sale of what they own."""
    customer = await shop.register("Éléonore", "D’Arc-Müller")
    sale = await shop.sell(customer, product)

    async def is_known() -> None:
        assert (await customer.get("/api/tickets/owned-products"))["owned_products"]

    await eventually(is_known)
    return customer, sale["id"]


def text(name: str, value: str, code: str, **context: Any) -> Wrong:
    return Wrong({name: value}, 422, f"text_{code}", name, context)


LONG = 20_001
WRONG_REQUESTS = {
    "no subject": text("subject", "", "empty"),
    "a subject of blanks": text("subject", " \t ", "empty"),
    "a subject over 200": text("subject", "é" * 201, "too_long", longest=200, length=201),
    "a subject on two lines": text("subject", "Bourrage\npapier", "control"),
    "a subject with NUL": text("subject", NUL, "nul"),
    "a subject with half a character": text("subject", LONE, "surrogate"),
    "no description": text("description", "", "empty"),
    "a description of line ends": text("description", "\r\n\r\n", "empty"),
    "a description over 20,000": text("description", "a" * LONG, "too_long", length=LONG),
    "a description with NUL": text("description", NUL, "nul"),
    "a description with half a character": text("description", LONE, "surrogate"),
    "a sale of nobody": Wrong({"sale_id": str(uuid4())}, 409, "product_not_owned", "sale_id"),
    "a sale that is no id": Wrong({"sale_id": "1"}, 422, "uuid_parsing", "sale_id"),
}


@pytest.mark.parametrize("wrong", WRONG_REQUESTS.values(), ids=WRONG_REQUESTS.keys())
async def test_a_wrong_request_is_refused(unchanged, owner, wrong):
    customer, sale_id = owner
    with unchanged("tickets"):
        answer = await customer.call(
            "POST", "/api/tickets", {**new_request(sale_id), **wrong.change}
        )

    wrong.check(answer)


WRONG_MESSAGES = {
    "empty": text("text", "", "empty"),
    "blank": text("text", " \n ", "empty"),
    "over 20,000": text("text", "a" * LONG, "too_long", longest=20_000, length=LONG),
    "with NUL": text("text", NUL, "nul"),
    "with half a character": text("text", LONE, "surrogate"),
}


@pytest.mark.parametrize("wrong", WRONG_MESSAGES.values(), ids=WRONG_MESSAGES.keys())
async def test_a_wrong_message_is_refused(unchanged, owner, technician, wrong):
    customer, sale_id = owner
    request = await customer.post("/api/tickets", new_request(sale_id))
    path = f"/api/tickets/{request['number']}/messages"
    with unchanged("tickets"):
        answers = [
            await author.call("POST", path, wrong.change) for author in (customer, technician)
        ]

    for answer in answers:
        wrong.check(answer)


@pytest.mark.parametrize(
    "strange",
    [
        "<script>alert(1)</script>",
        "{{7*7}}",
        "${7*7} %s %(x)s",
        "e" + "\u0301" * 10_000,
        "\u202eabc \ufdfd \u2066x\u2069 👩‍👩‍👧‍👦",
    ],
    ids=["script", "template", "formats", "10,000 accents", "other scripts"],
)
async def test_strange_text_is_kept_as_it_was_typed(owner, technician, strange):
    customer, sale_id = owner
    subject = strange if len(strange) <= 200 else "Trop d’accents"
    body = new_request(sale_id, subject=subject, description=strange)
    request = await customer.post("/api/tickets", body)

    thread = await technician.get(f"/api/tickets/{request['number']}")
    assert thread["ticket"]["subject"] == subject
    assert [message["text"] for message in thread["messages"]] == [strange]


async def test_20_000_characters_are_kept_whole(owner, technician):
    customer, sale_id = owner
    whole = "é" * 19_999 + "!"
    request = await customer.post("/api/tickets", new_request(sale_id, description=whole))

    thread = await technician.get(f"/api/tickets/{request['number']}")
    assert thread["messages"][0]["text"] == whole


async def test_another_customers_request_is_not_there(unchanged, owner, customer):
    somebody, sale_id = owner
    request = await somebody.post("/api/tickets", new_request(sale_id))
    path = f"/api/tickets/{request['number']}"
    with unchanged("tickets"):
        answers = [
            await customer.call("GET", path),
            await customer.call("POST", f"{path}/messages", {"text": "Bonjour"}),
            await customer.call("POST", f"{path}/resolution"),
            await customer.call("GET", "/api/tickets/99999999"),
        ]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["code"] for answer in answers} == {"ticket_unknown"}


async def test_a_request_on_another_customers_product_is_refused(unchanged, owner, customer):
    _, sale_id = owner
    with unchanged("tickets"):
        answer = await customer.call("POST", "/api/tickets", new_request(sale_id))

    Wrong({}, 409, "product_not_owned", "sale_id").check(answer)


@pytest.mark.parametrize("after", ["zzz", "%00", "eyJ9", "a" * 300])
async def test_a_cursor_that_nobody_gave_is_refused(technician, after):
    answer = await technician.call("GET", f"/api/tickets?after={after}")

    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] in {"cursor_invalid", "invalid"}


# --- Customers --------------------------------------------------------------------------------


def name(field: str, value: str, code: str, **context: Any) -> Wrong:
    return Wrong({field: value}, 422, code, field, context)


WRONG_CUSTOMERS = {
    f"{field}: {what}": name(field, value, code)
    for field in ("first_name", "last_name")
    for what, value, code in [
        ("empty", " ", "text_empty"),
        ("over 100", "é" * 101, "text_too_long"),
        ("with NUL", NUL, "text_nul"),
        ("with half a character", LONE, "text_surrogate"),
        ("on two lines", "Anne\nMarie", "text_control"),
    ]
} | {
    "email: without @": name("email", "n.rousseau", "email_without_at"),
    "email: without ending": name("email", "n.rousseau@ateliers", "email_without_ending"),
    "email: with a space": name("email", "n rousseau@example.org", "email_malformed"),
    "email: of two": name("email", "n@example.org, m@example.org", "email_malformed"),
    "email: of two alphabets": name("email", "nаthalie@example.org", "email_letters_mixed"),
    "email: with NUL": name("email", "n\0@example.org", "text_nul"),
    "email: with half a character": name("email", "n\ud800@example.org", "text_surrogate"),
    "email: over 254": name("email", "n" * 250 + "@example.org", "text_too_long"),
    "password: 11 characters": name("password", "trop courte", "password_too_short", length=11),
    "password: over 256": name("password", "x7" * 129, "password_too_long"),
    "password: everybody's": name("password", "azertyuiop123", "password_too_common"),
    "password: with NUL": name("password", "sept parapluies\0", "text_nul"),
    "password: with half a character": name("password", "sept parapluies\ud800", "text_surrogate"),
}


@pytest.mark.parametrize("wrong", WRONG_CUSTOMERS.values(), ids=WRONG_CUSTOMERS.keys())
async def test_a_wrong_customer_is_refused(unchanged, shop, seller, wrong):
    new = shop.somebody("Élodie", "Marchand")
    body = {
        "first_name": new.first_name,
        "last_name": new.last_name,
        "email": new.email,
        "password": new.password,
    }
    with unchanged("identity"):
        answer = await seller.call("POST", "/api/identity/customers", body | wrong.change)

    wrong.check(answer)
    typed = next(iter(wrong.change.values()))
    if wrong.field == "password":
        assert typed.encode(errors="ignore") not in answer.content, "a password came back"


async def test_an_address_that_somebody_has_is_refused(unchanged, shop, seller, customer):
    body = {
        "first_name": "Nadia",
        "last_name": "Rousseau",
        "email": customer.email.upper(),
        "password": customer.password,
    }
    with unchanged("identity"):
        answer = await seller.call("POST", "/api/identity/customers", body)

    Wrong({}, 409, "email_taken", "email").check(answer)


@pytest.mark.parametrize("typed", [NUL, LONE], ids=["NUL", "half a character"])
async def test_searches_refuse_what_no_text_can_hold(seller, typed):
    body = {"text": typed}
    answer = await seller.call("POST", "/api/identity/customers/search", body)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["code"] in {"text_nul", "text_surrogate"}


async def test_the_product_search_refuses_nul(seller):
    answer = await seller.call("GET", "/api/catalog/products?text=ryz%00en")

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["code"] == "text_nul"


async def test_a_sign_in_with_what_no_text_can_hold_is_refused(shop):
    body = {"email": NUL + "@example.org", "password": "sept parapluies oranges"}
    answer = await shop.http.post("/api/identity/sessions", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "text_nul"


# --- Imports ----------------------------------------------------------------------------------

HEADER = b"reference,designation,on_sale\n"


UNTRUSTED = {
    "a wrong header": (b"ref,name,on_sale\nA-1,Une chose,true\n", "import_header_wrong"),
    "undecodable bytes": (HEADER + b"A-1,Une chose,true\nA-2,\xff,true\n", "import_undecodable"),
    "a truncated last row": (HEADER + b"A-1,Une chose,true\nA-2,Une aut", "import_truncated"),
    "an open quote": (HEADER + b'A-1,Une chose,true\nA-2,"Une autre,true\n', "import_truncated"),
}


async def test_a_file_that_cannot_be_trusted_fails_the_command_and_says_where(
    unchanged, stack, tmp_path
):
    file, code = UNTRUSTED["undecodable bytes"]
    path = tmp_path / "products.csv"
    path.write_bytes(file)
    with unchanged("catalog"):
        done = stack.run("catalog", "import-products", str(path))

    assert done.returncode == 1, done.stdout + done.stderr
    assert f"({code}). Nothing was changed." in done.stderr
    assert "line 3, column 5" in done.stderr


@pytest.mark.parametrize(("file", "code"), UNTRUSTED.values(), ids=UNTRUSTED.keys())
async def test_a_file_that_cannot_be_trusted_changes_nothing(unchanged, shop, file, code):
    with unchanged("catalog"):
        came = await shop.send_file(file)

    assert (came["state"], came["refusal"]["code"]) == ("refused", code)


async def test_only_an_administrator_imports_products(unchanged, shop, seller):
    with unchanged("catalog"):
        answer = await seller.call("POST", "/api/catalog/imports")

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_bad_row_is_rejected_with_line_and_reason_and_the_rest_goes_in(shop):
    reference = serial_number()
    rows = [
        f"{reference},Une chose,true",
        f"{reference},Une autre,true",
        f"{reference}-X,Encore une,yes",
        f"{reference}-Y,La dernière,false",
    ]
    report = await shop.take(HEADER + "".join(f"{row}\n" for row in rows).encode())

    assert (report["created"], report["rejected_count"]) == (2, 2)
    assert [(row["line"], row["reference"], row["reason"]) for row in report["rejected"]] == [
        (3, reference, "reference_repeated"),
        (4, f"{reference}-X", "on_sale_unreadable"),
    ]
    assert (await shop.product(reference)).designation == "Une chose"
    assert not (await shop.product(f"{reference}-Y")).on_sale
