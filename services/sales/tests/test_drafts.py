"""The sale that a seller has begun is kept until it is recorded, whatever happens meanwhile."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from chassis.pruning import prune
from chassis.testing import token
from contracts.identity.roles import Role
from contracts.sales import api
from sales.models import Draft
from sales.operations import OLD_DRAFTS

SELLER = token(Role.SELLER, name="Awa Diallo")
KEY, NEXT_KEY = str(uuid4()), str(uuid4())


async def save(client, *, who=SELLER, status=204, key=KEY, replaces=False, **typed) -> Any:
    """`typed` is the page's matter; it is negligible when nothing but searches is in it."""
    draft = {
        "key": key,
        "content": typed,
        "negligible": typed.keys() <= {"customer_text", "product_text"},
        "replaces": replaces,
    }
    answer = await client.put("/api/sales/draft", json=draft, headers=who)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def saved_draft(client, who=SELLER) -> dict[str, Any]:
    answer = await client.get("/api/sales/draft", headers=who)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def record(client, sale, key=KEY) -> Any:
    headers = SELLER | {"Idempotency-Key": key}
    answer = await client.post("/api/sales", json=sale, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_draft_is_kept_as_it_was_typed_whatever_is_wrong_with_it(client, session):
    typed = {"serial_number": " phbq-é ", "sold_on": "avant-hier", "a_field_of_tomorrow": "Élodie "}
    await save(client, **typed)
    draft = await saved_draft(client)

    assert (draft["key"], draft["content"]) == (KEY, typed)
    assert draft["saved_at"] is not None


async def test_the_last_one_counts_from_whatever_device(client, session):
    await save(client, serial_number="PHBQ", sold_on="hier")
    await save(client, serial_number="PHBQ74")

    assert (await saved_draft(client))["content"] == {"serial_number": "PHBQ74"}


async def test_every_seller_has_one_of_their_own(client, session):
    other = token(Role.SELLER, name="Léo Martin")
    await save(client, customer_text="rouss")
    assert (await saved_draft(client, other))["saved_at"] is None
    await save(client, who=other, customer_text="marchand")

    assert (await saved_draft(client))["content"]["customer_text"] == "rouss"
    assert (await saved_draft(client, other))["content"]["customer_text"] == "marchand"


async def test_it_is_thrown_away(client, session):
    await save(client, customer_text="rouss")
    for _ in range(2):
        answer = await client.delete("/api/sales/draft", headers=SELLER)
        assert answer.status_code == 204

    assert await saved_draft(client) == api.Draft().model_dump(mode="json")


async def test_throwing_one_sale_away_leaves_the_draft_of_another(client, session):
    await save(client, customer_text="rouss")
    for key, text in ((NEXT_KEY, "rouss"), (KEY, "")):
        answer = await client.delete(f"/api/sales/draft?key={key}", headers=SELLER)
        assert answer.status_code == 204
        assert (await saved_draft(client))["content"].get("customer_text", "") == text


async def test_recording_its_sale_ends_it(client, shop, session):
    await save(client, customer_id=str(shop.customer_id), first_name="Inès", email="i@example.org")
    sale = await record(client, shop.sale())

    assert (await saved_draft(client))["saved_at"] is None
    assert await session.scalar(select(Draft)) is None
    late = await save(client, customer_text="rouss", status=409)
    assert (late["code"], late["context"]) == ("sale_already_recorded", {"sale_id": sale["id"]})
    assert (await saved_draft(client))["saved_at"] is None


async def test_a_draft_that_comes_after_its_sale_was_recorded_is_refused_though_it_is_the_first(
    client, shop, session
):
    await record(client, shop.sale())

    assert (await save(client, customer_text="rouss", status=409))["code"] == (
        "sale_already_recorded"
    )


async def test_a_refused_sale_keeps_its_draft(client, shop, session):
    await save(client, serial_number="PHBQ")
    headers = SELLER | {"Idempotency-Key": KEY}
    answer = await client.post("/api/sales", json=shop.sale(sold_on="2999-01-01"), headers=headers)

    assert answer.status_code == 422
    assert (await saved_draft(client))["content"]["serial_number"] == "PHBQ"


@pytest.mark.parametrize(
    "typed",
    [
        {"customer_id": str(uuid4())},
        {"product_id": str(uuid4())},
        {"serial_number": "PHBQ"},
        {"creating_customer": "true", "first_name": "Élodie"},
    ],
)
async def test_another_sale_takes_its_place_only_when_that_is_meant(client, session, typed):
    await save(client, **typed)
    refused = await save(client, key=NEXT_KEY, serial_number="0123", status=409)
    assert refused["code"] == "draft_of_another_sale"
    assert (await saved_draft(client))["key"] == KEY
    await save(client, key=NEXT_KEY, serial_number="0123", replaces=True)

    assert (await saved_draft(client))["content"]["serial_number"] == "0123"


async def test_a_mere_search_is_replaced_unasked(client, session):
    await save(client, customer_text="rouss", product_text="noctua")
    await save(client, key=NEXT_KEY, serial_number="0123")

    assert (await saved_draft(client))["content"]["serial_number"] == "0123"


async def test_recording_one_sale_leaves_the_draft_of_another(client, shop, session):
    await save(client, serial_number="PHBQ")
    await record(client, shop.sale(), key=NEXT_KEY)

    assert (await saved_draft(client))["content"]["serial_number"] == "PHBQ"


async def test_after_a_recorded_sale_comes_the_next_one(client, shop, session):
    await save(client, serial_number="PHBQ")
    await record(client, shop.sale())
    await save(client, key=NEXT_KEY, serial_number="0123")
    late = await save(client, serial_number="PHBQ", replaces=True, status=409)

    assert late["code"] == "sale_already_recorded"
    assert (await saved_draft(client))["content"]["serial_number"] == "0123"


async def test_what_was_forgotten_for_a_week_is_nobody_s_any_more(client, database, session):
    other = token(Role.SELLER, name="Léo Martin")
    await save(client, email="elodie@example.org")
    await session.execute(update(Draft).values(saved_at=datetime.now(UTC) - timedelta(days=8)))
    assert (await saved_draft(client))["saved_at"] is None
    await save(client, who=other, customer_text="rouss")
    await prune(database, OLD_DRAFTS)

    assert await session.scalar(select(func.count()).select_from(Draft)) == 1


async def test_a_draft_on_its_way_while_its_sale_is_recorded_never_comes_back(
    busy_client, busy_shop
):
    for turn in range(10):
        key = str(uuid4())
        sale = busy_shop.sale(serial_number=f"SN00000000000{turn:02}")
        content = {"serial_number": sale["serial_number"]}
        keep_it = {"key": key, "content": content, "replaces": True}
        drafts = [
            busy_client.put("/api/sales/draft", json=keep_it, headers=SELLER) for _ in range(3)
        ]
        answers = await asyncio.gather(*drafts, record(busy_client, sale, key))

        assert {answer.status_code for answer in answers[:3]} <= {204, 409}
        assert (await saved_draft(busy_client))["saved_at"] is None


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"key": "short"}, "key", "string_pattern_mismatch"),
        ({"content": {"email": "1" * 1001}}, "content.email", "text_too_long"),
        ({"content": {"email": "a\x00b"}}, "content.email", "text_nul"),
        ({"content": {"email": 1}}, "content.email", "string_type"),
        (
            {"content": {f"{a}{b}": "" for a in "abcdefgh" for b in "abcdefgh"}},
            "content",
            "too_long",
        ),
        ({"other": 1}, "other", "extra_forbidden"),
    ],
)
async def test_what_cannot_be_kept_is_named(client, session, changed, field, code):
    answer = await client.put("/api/sales/draft", json={"key": KEY} | changed, headers=SELLER)

    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)


async def test_drafts_of_sales_are_for_staff(client, session):
    customer = token(Role.CUSTOMER)
    for method, body in (("GET", None), ("PUT", {"key": KEY}), ("DELETE", None)):
        answer = await client.request(method, "/api/sales/draft", json=body, headers=customer)
        assert answer.status_code == 403
