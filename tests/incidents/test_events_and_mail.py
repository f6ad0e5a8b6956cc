"""An event that fails, a mail that does not go, a mail that comes too late."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from caught_mails import Mailbox
from faults.broker import administered
from incidents.operator import Operator
from incidents.page import row
from incidents.pages import page, press
from shop import Account, Shop, new_request
from waiting import eventually


async def test_an_event_fails_again_and_again(operator: Operator, shop: Shop, product):
    """A row that tickets cannot write, until that is mended."""
    dead, customer = row("became dead letters"), await shop.register()
    operator.sql("tickets", REFUSING)
    sale = await shop.sell(customer, product)

    async def set_aside() -> None:
        assert operator.figures("tickets").dead_letters == 1
        assert operator.figures("tickets").lag["SALES"] == 0

    await eventually(set_aside)
    for verb in ("dead-letters list", "show", "retry", "drop"):
        assert f"`{verb}`" in dead.todo or f"./guichet {verb}`" in dead.todo
    [(number,)] = operator.sql("tickets", "SELECT id FROM messaging.dead_letters")
    status = operator.type("status")
    assert status.returncode == 1
    assert dead.is_seen_in(status.stdout)
    listed = await operator.repairs(dead, "dead-letters", "list")
    assert sale["id"] in listed
    assert sale["id"] in operator.type("dead-letters", "show", "tickets", str(number)).stdout
    assert operator.type("dead-letters", "retry", "tickets", str(number)).returncode == 1

    operator.sql("tickets", "DROP TRIGGER refusing ON owned_products")
    done = operator.type("dead-letters", "retry", "tickets", str(number))
    assert done.returncode == 0, done.stdout + done.stderr
    found = await customer.get("/api/tickets/owned-products")
    assert [each["serial_number"] for each in found["owned_products"]] == [sale["serial_number"]]
    assert operator.figures("tickets").dead_letters == 0


REFUSING = """
CREATE OR REPLACE FUNCTION refusing() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no such column'; END $$;
CREATE TRIGGER refusing BEFORE INSERT ON owned_products
FOR EACH ROW EXECUTE FUNCTION refusing();
"""


async def test_the_mail_server_is_away(operator: Operator, shop: Shop, product):
    away, none_comes = row("takes no mail"), row("mail does not arrive")
    assert operator.stack.mail
    with operator.away(operator.stack.mail):
        customer = await shop.register()
        await shop.sell(customer, product)
        line = await operator.sees(away, "notifications")
        assert operator.is_loop_in_trouble("notifications", line.partition(":")[0])
        status = operator.type("status").stdout
        [queue] = [each for each in status.splitlines() if each.startswith("notifications  0 ")]
        assert "1, oldest" in queue, status
        shown = (await page(shop.administrator, "/courrier")).text
        assert "Le serveur de messagerie" in shown
    await operator.is_well(seconds=15)
    assert "`./guichet compose status`" in none_comes.why
    assert await Mailbox(operator.stack.mail.folder).to(customer.email, "Bienvenue")


async def test_an_announcement_is_held_up_for_two_days(operator: Operator, shop: Shop, product):
    late, stack = row("mails came too late"), operator.stack
    customer = await shop.register()
    technician = await shop.hire("technician", "Claire", "Vasseur")
    sale = await shop.sell(customer, product)
    request = await eventually(lambda: opened(customer, sale["id"]))
    path = f"/api/tickets/{request['number']}/messages"
    await technician.post(path, {"text": "Essayez l’autre bac."})
    async with administered(stack) as broker:
        subject = f"tickets.ticket-message-added.v1.{request['id']}"
        event = json.loads((await broker.stored("TICKETS", subject)).data or b"")
        event["id"], event["data"]["message_id"] = str(uuid4()), str(uuid4())
        event["data"]["sent_at"] = (datetime.now(UTC) - timedelta(days=2)).isoformat()
        await broker.say(subject, json.dumps(event).encode())
    await operator.finds_in_log("mail_too_old", "notifications")

    async def is_reported() -> None:
        assert operator.metric("notifications", "guichet_mail_too_old_mails") == {"": 1}

    await eventually(is_reported)
    status = operator.type("status")
    assert status.returncode == 1
    assert late.is_seen_in(status.stdout)
    shown = (await page(shop.administrator, "/courrier")).text
    assert "Trop ancien à son arrivée" in shown
    assert "« Renvoyer »" in late.todo
    answer = await press(shop.administrator, "/courrier", "/courrier/[^/]+/renvoi")
    assert answer.status_code == 303, answer.text
    assert stack.mail
    assert await Mailbox(stack.mail.folder).to(customer.email, str(request["number"]))
    await eventually(none_is_too_old(operator))


def none_is_too_old(operator: Operator):
    async def none() -> None:
        assert operator.metric("notifications", "guichet_mail_too_old_mails") == {"": 0}

    return none


async def opened(customer: Account, sale_id: str):
    answer = await customer.call("POST", "/api/tickets", new_request(sale_id))
    assert answer.status_code == 201, answer.text
    return answer.json()
