"""Whatever anybody does in whatever order: API, lists, counts, hints and events agree.

Hypothesis plays a shop of two customers and three members of staff over HTTP, beside a model of
a few lines. Every answer is compared with the model, and in the end so is all that can be read.
"""

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select, text

from chassis.testing import published
from contracts.identity.roles import Role
from contracts.tickets.api import CustomerView, Priority, Sort, StaffView
from tickets.models import Change

# More of them: GUICHET_TEST_STORIES=500 pytest …/test_story.py --timeout 3600
STORIES = int(os.environ.get("GUICHET_TEST_STORIES", "5"))

EMPTY = """
    TRUNCATE files, messages, tickets, owned_products, people, stale_words, drafts, changes, minutes_corrections, stems,
        messaging.outbox, messaging.idempotency_keys
"""


@dataclass
class ModelTicket:
    """One request as it should be; times are the numbers of the steps that they are of."""

    number: int
    customer: Any
    sale: Any
    step: int
    follows: int | None = None
    messages: list[tuple[str, str]] = field(default_factory=list)  # kind and author's name
    status: str = "open"
    waiting_since: int | None = None
    active_at: int = 0
    resolved_at: int | None = None
    resolved_by: str | None = None
    last_word: str | None = None
    version: int = 1
    visible_version: int = 1
    priority: str = "normal"
    unread: bool = True

    def __post_init__(self) -> None:
        self.messages.append(("customer", self.customer.name))
        self.waiting_since = self.active_at = self.step

    def visible(self) -> list[tuple[str, str]]:
        return [each for each in self.messages if each[0] != "note"]

    def last_side(self) -> str:
        return self.visible()[-1][0]

    def awaits_customer(self) -> bool:
        return self.status == "in_progress" and self.last_side() == "staff"

    def answered_by(self) -> list[str]:
        return list(dict.fromkeys(name for kind, name in self.messages if kind == "staff"))

    def advance(self, step: int) -> None:
        self.version += 1
        self.visible_version += 1
        self.active_at = step

    def take(self, kind: str, author: str, step: int) -> None:
        self.advance(step)
        self.messages.append((kind, author))
        if kind == "staff":
            self.status, self.waiting_since, self.unread = "in_progress", None, False
        else:
            self.unread = True
            if self.waiting_since is None:
                self.waiting_since = step

    def close(self, who: Any, step: int, last_word: str | None = None) -> None:
        self.advance(step)
        self.last_word = last_word
        self.status, self.waiting_since = "resolved", None
        self.resolved_at, self.resolved_by = step, who.name
        if who.role != Role.CUSTOMER:
            self.unread = False


class Shop(RuleBasedStateMachine):
    """What people do; each rule says what it expects."""

    desk: ClassVar[Any]
    run: ClassVar[Any]
    customers: ClassVar[list[Any]]
    staff: ClassVar[list[Any]]

    everybody = st.integers(0, 4)
    which = st.integers(0, 50)

    @initialize()
    def begin(self) -> None:
        self.requests: list[ModelTicket] = []
        self.events: list[tuple[str, int, int]] = []
        self.hints: list[tuple[str, int]] = []
        self.step = 0
        self.touched: ModelTicket | None = None
        self.sales = {}
        self.run(self.empty())
        for customer in self.customers:
            self.sales[customer.name] = [self.run(self.desk.sell(customer)) for _ in range(2)]

    async def empty(self) -> None:
        async with self.desk.database.transaction() as session:
            await session.execute(text(EMPTY))

    def person(self, place: int) -> Any:
        return [*self.customers, *self.staff][place]

    def pick(self, which: int) -> ModelTicket:
        return self.requests[which % len(self.requests)]

    def do(self, answering: Any) -> Any:
        self.step += 1
        return self.run(answering)

    def may_see(self, who: Any, modelled: ModelTicket) -> bool:
        return who.role != Role.CUSTOMER or who is modelled.customer

    def happened(self, modelled: ModelTicket, event: str | None, hint: str) -> None:
        if event:
            self.events.append((event, modelled.number, modelled.version))
        self.hints.append((hint, modelled.number))
        self.touched = modelled

    # --- What people do

    @rule(customer=st.integers(0, 1), product=st.integers(0, 1))
    def open(self, customer: int, product: int) -> None:
        who = self.customers[customer]
        sale = self.sales[who.name][product]
        answer = self.do(self.desk.open(who, sale))
        assert answer.status_code == 201
        modelled = ModelTicket(answer.json()["number"], who, sale, self.step)
        self.requests.append(modelled)
        self.happened(modelled, "TicketOpened", "opened")

    @precondition(lambda self: self.requests)
    @rule(which=which, customer=st.integers(0, 1))
    def follow(self, which: int, customer: int) -> None:
        followed, who = self.pick(which), self.customers[customer]
        answer = self.do(self.desk.open(who, follows=followed.number))
        if followed.customer is not who:
            assert answer.json()["code"] == "followed_ticket_unknown"
        elif followed.status != "resolved":
            assert answer.json()["code"] == "followed_ticket_unresolved"
        else:
            number = answer.json()["number"]
            modelled = ModelTicket(number, who, followed.sale, self.step, follows=followed.number)
            self.requests.append(modelled)
            self.happened(modelled, "TicketOpened", "opened")

    @precondition(lambda self: self.requests)
    @rule(
        which=which,
        person=everybody,
        resolve=st.booleans(),
        has_seen=st.booleans(),
        anyway=st.booleans(),
    )
    def write(self, which: int, person: int, resolve: bool, has_seen: bool, anyway: bool) -> None:
        modelled, who = self.pick(which), self.person(person)
        seen, missed = self.seen(modelled, who, has_seen)
        answer = self.do(
            self.desk.say(
                who, modelled.number, resolve=resolve, seen_position=seen, send_anyway=anyway
            )
        )
        if self.refused(answer, modelled, who, 0 if anyway else missed):
            return
        assert answer.status_code == 201
        kind = "customer" if who.role == Role.CUSTOMER else "staff"
        modelled.take(kind, who.name, self.step)
        self.happened(modelled, "TicketMessageAdded", "message")
        assert answer.json()["status_after"] == modelled.status
        if resolve:
            modelled.close(who, self.step)
            self.happened(modelled, "TicketResolved", "resolved")

    def seen(self, modelled: ModelTicket, who: Any, has_seen: bool) -> tuple[int | None, int]:
        """A position to send along, and how many messages were written after it."""
        if not self.may_see(who, modelled):
            return 1, 0
        messages = self.run(self.desk.read(who, modelled.number))["messages"]
        shown = messages if has_seen else messages[:1]
        return shown[-1]["position"], len(messages) - len(shown)

    def refused(self, answer: Any, modelled: ModelTicket, who: Any, missed: int) -> bool:
        if not self.may_see(who, modelled):
            assert (answer.status_code, answer.json()["code"]) == (404, "ticket_unknown")
        elif modelled.status == "resolved":
            assert (answer.status_code, answer.json()["code"]) == (409, "ticket_resolved")
        elif missed:
            assert (answer.status_code, answer.json()["code"]) == (409, "answered_meanwhile")
            assert answer.json()["context"]["count"] == missed
        else:
            return False
        self.touched = modelled
        return True

    @precondition(lambda self: self.requests)
    @rule(which=which, person=everybody, has_seen=st.booleans())
    def note(self, which: int, person: int, has_seen: bool) -> None:
        modelled, who = self.pick(which), self.person(person)
        seen, missed = self.seen(modelled, who, has_seen)
        answer = self.do(self.desk.note(who, modelled.number, seen_position=seen, minutes=3))
        if who.role == Role.CUSTOMER:
            assert answer.status_code == 403
        elif not self.refused(answer, modelled, who, missed):
            assert answer.status_code == 201
            modelled.messages.append(("note", who.name))
            self.happened(modelled, None, "note")

    @precondition(lambda self: self.requests)
    @rule(which=which, person=everybody, last_word=st.sampled_from([None, "Merci."]))
    def resolve(self, which: int, person: int, last_word: str | None) -> None:
        modelled, who = self.pick(which), self.person(person)
        answer = self.do(self.desk.resolve(who, modelled.number, text=last_word))
        if modelled.status == "resolved" and modelled.resolved_by == who.name:
            is_repeated = last_word in (None, modelled.last_word)
            assert answer.status_code == (200 if is_repeated else 409)
        elif not self.refused(answer, modelled, who, 0):
            assert answer.json()["status"] == "resolved"
            if last_word:
                kind = "customer" if who.role == Role.CUSTOMER else "staff"
                modelled.take(kind, who.name, self.step)
                self.happened(modelled, "TicketMessageAdded", "message")
            modelled.close(who, self.step, last_word)
            self.happened(modelled, "TicketResolved", "resolved")

    @precondition(lambda self: self.requests)
    @rule(which=which, person=everybody, priority=st.sampled_from(list(Priority)))
    def prioritise(self, which: int, person: int, priority: Priority) -> None:
        modelled, who = self.pick(which), self.person(person)
        answer = self.do(self.desk.prioritise(who, modelled.number, priority))
        if who.role == Role.CUSTOMER:
            assert answer.status_code == 403
        elif not self.refused(answer, modelled, who, 0):
            assert answer.json()["priority"] == priority
            if modelled.priority != priority:
                modelled.priority = priority
                modelled.version += 1
                self.happened(modelled, "TicketPrioritised", "priority")

    @precondition(lambda self: self.requests)
    @rule(which=which, person=st.integers(2, 4), all_of_it=st.booleans())
    def see(self, which: int, person: int, all_of_it: bool) -> None:
        modelled, who = self.pick(which), self.person(person)
        messages = self.run(self.desk.read(who, modelled.number))["messages"]
        place = len(messages) - 1 if all_of_it else 0
        assert (
            self.do(self.desk.see(who, modelled.number, messages[place]["position"])).status_code
            == 204
        )
        if modelled.unread and all(
            kind != "customer" for kind, _ in modelled.messages[place + 1 :]
        ):
            modelled.unread = False
            self.happened(modelled, None, "seen")

    @precondition(lambda self: self.requests)
    @rule(which=which, person=everybody)
    def draft(self, which: int, person: int) -> None:
        modelled, who = self.pick(which), self.person(person)
        answer = self.do(self.desk.send(who, "PUT", f"/{modelled.number}/draft", {"text": "Je"}))
        assert answer.status_code == (200 if self.may_see(who, modelled) else 404)

    # --- What can be read

    @invariant()
    def what_was_touched_is_what_it_should_be(self) -> None:
        if (modelled := self.touched) is None:
            return
        self.touched = None
        for who in (self.staff[0], modelled.customer):
            thread = self.run(self.desk.read(who, modelled.number))
            is_staff = who in self.staff
            visible = modelled.messages if is_staff else modelled.visible()
            assert [(m["kind"], m["author_name"]) for m in thread["messages"]] == visible[-30:]
            ticket = thread["ticket"]
            assert ticket["status"] == modelled.status
            assert ticket["waiting_for_customer"] == modelled.awaits_customer()
            assert (ticket["waiting_since"] is None) == (modelled.waiting_since is None)
            assert ticket["resolved_by_name"] == modelled.resolved_by
            assert ticket["follows"] == modelled.follows
            assert ticket["version"] == (modelled.version if is_staff else modelled.visible_version)
            assert ticket["followed_by"] == [
                each.number for each in self.requests if each.follows == modelled.number
            ]
            if is_staff:
                assert (ticket["priority"], ticket["unread"]) == (
                    modelled.priority,
                    modelled.unread,
                )

    def teardown(self) -> None:
        if not hasattr(self, "requests"):
            return
        for view in StaffView:
            for sort in Sort:
                self.compare_queue(view, sort)
        self.compare_counts()
        for customer in self.customers:
            self.compare_mine(customer)
        self.compare_events()

    def held(self, view: StaffView) -> list[ModelTicket]:
        holds = {
            StaffView.TO_HANDLE: lambda modelled: modelled.waiting_since is not None,
            StaffView.OPEN: lambda modelled: modelled.status == "open",
            StaffView.IN_PROGRESS: lambda modelled: modelled.status == "in_progress",
            StaffView.WAITING_CUSTOMER: ModelTicket.awaits_customer,
            StaffView.RESOLVED: lambda modelled: modelled.status == "resolved",
        }
        return [modelled for modelled in self.requests if holds[view](modelled)]

    def compare_queue(self, view: StaffView, sort: Sort) -> None:
        moment = {
            StaffView.TO_HANDLE: "waiting_since",
            StaffView.OPEN: "waiting_since",
            StaffView.RESOLVED: "resolved_at",
        }.get(view, "active_at")
        ranks = list(Priority)[::-1]

        def key(modelled: ModelTicket) -> tuple[int, int]:
            rank = ranks.index(Priority(modelled.priority)) if sort == Sort.PRIORITY else 0
            return rank, getattr(modelled, moment)

        expected = sorted(self.held(view), key=key, reverse=sort == Sort.NEWEST)
        lines = self.read(self.staff[0], "", view=view, sort=sort, limit=50)["tickets"]
        assert [line["number"] for line in lines] == [modelled.number for modelled in expected]
        for line, modelled in zip(lines, expected, strict=True):
            assert (line["priority"], line["unread"]) == (modelled.priority, modelled.unread)
            assert line["answered_by"] == modelled.answered_by()
            assert line["last_author_name"] == modelled.visible()[-1][1]

    def compare_counts(self) -> None:
        counts = self.read(self.staff[0], "/counts")["counts"]
        assert counts == {view: len(self.held(view)) for view in StaffView} | {
            "unread": sum(a.unread and a.waiting_since is not None for a in self.requests)
        }
        for customer in self.customers:
            own = [modelled for modelled in self.requests if modelled.customer is customer]
            waiting = sum(modelled.awaits_customer() for modelled in own)
            assert self.read(customer, "/mine/counts")["counts"] == {
                "all": len(own),
                "awaiting_me": waiting,
                "others": len(own) - waiting,
            }

    def compare_mine(self, customer: Any) -> None:
        own = [modelled for modelled in self.requests if modelled.customer is customer]
        own.sort(key=lambda modelled: modelled.active_at, reverse=True)
        for view, expected in (
            (CustomerView.ALL, own),
            (CustomerView.AWAITING_ME, [each for each in own if each.awaits_customer()]),
            (
                CustomerView.OTHERS,
                sorted(
                    (each for each in own if not each.awaits_customer()),
                    key=lambda modelled: modelled.status == "resolved",
                ),
            ),
        ):
            lines = self.read(customer, "/mine", view=view, limit=50)["tickets"]
            assert [line["number"] for line in lines] == [each.number for each in expected]
        for product in self.read(customer, "/owned-products")["owned_products"]:
            unresolved = [
                each.number
                for each in own
                if str(each.sale.sale_id) == product["sale_id"] and each.status != "resolved"
            ]
            assert product["open_ticket"] == max(unresolved, default=None)

    def compare_events(self) -> None:
        events, changes = self.run(self.published_events())
        assert [(type(e).__name__, e.number, e.version) for e in events] == self.events
        assert [(change.what, change.number) for change in changes] == self.hints
        assert Counter(modelled.number for modelled in self.requests) == Counter(
            event.number for event in events if type(event).__name__ == "TicketOpened"
        )

    async def published_events(self) -> tuple[list[Any], list[Any]]:
        async with self.desk.database.transaction() as session:
            rows = await session.scalars(select(Change).order_by(Change.position))
            return await published(session), list(rows)

    def read(self, who: Any, path: str, **parameters: Any) -> Any:
        answer = self.run(self.desk.get(who, path, **parameters))
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def shop(lonely_desk, someone):
    """The machine, with a database of its own and people whose names tell them apart."""
    with asyncio.Runner() as runner:
        Shop.desk, Shop.run = lonely_desk, staticmethod(runner.run)
        Shop.customers = [someone(Role.CUSTOMER, name) for name in ("Nathalie", "Marc")]
        Shop.staff = [
            someone(Role.TECHNICIAN, "Karim"),
            someone(Role.SELLER, "Julien"),
            someone(Role.ADMINISTRATOR, "Claire"),
        ]
        yield Shop
        runner.run(lonely_desk.client.aclose())
        runner.run(lonely_desk.database.close())


@pytest.mark.timeout(300 + 20 * STORIES)
def test_everything_that_can_be_read_agrees_with_a_model(shop):
    machine = shop.TestCase
    machine.settings = settings(max_examples=STORIES, stateful_step_count=25, deadline=None)
    machine().runTest()
