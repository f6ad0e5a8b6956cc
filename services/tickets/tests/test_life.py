"""The life of a request, by the methods of Ticket alone: no database."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chassis.errors import Forbidden
from chassis.http.auth import Caller
from contracts.identity.roles import Role
from contracts.tickets.api import MessageKind, Priority, Status
from contracts.tickets.events import Side
from tickets.models import (
    RANKS,
    FollowedOtherProduct,
    FollowedUnknown,
    FollowedUnresolved,
    Message,
    OwnedProduct,
    ProductNotOwned,
    SaleWasCancelled,
    Ticket,
    TicketAlreadyResolved,
    TicketUnknown,
)

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)


def person(role: Role, name: str = "Quelqu’un") -> Caller:
    return Caller(id=uuid4(), role=role, name=name, session_id=uuid4(), token="")


CUSTOMER = person(Role.CUSTOMER, "Nathalie Rousseau")
STRANGER = person(Role.CUSTOMER, "Marc Lefèvre")
TECHNICIAN = person(Role.TECHNICIAN, "Karim Benali")
SELLER = person(Role.SELLER, "Julien Morel")
ADMINISTRATOR = person(Role.ADMINISTRATOR, "Claire Dubois")


def minutes(count: float) -> datetime:
    return NINE + timedelta(minutes=count)


def product(
    customer_id: UUID = CUSTOMER.id, *, cancelled: bool = False, sold: bool = True
) -> OwnedProduct:
    return OwnedProduct(
        sale_id=uuid4(),
        customer_id=customer_id,
        product_id=uuid4(),
        reference="HP-4103",
        designation="Imprimante HP LaserJet",
        serial_number="PHBQ74K2M910XTD",
        sold_on=date(2026, 11, 20) if sold else None,
        cancelled=cancelled,
        version=1,
    )


def opened(at: datetime = NINE) -> Ticket:
    ticket, _ = Ticket.opened(
        customer=CUSTOMER, product=product(), subject="En panne", text="Plus rien.", at=at
    )
    return ticket


def say(ticket: Ticket, author: Caller, at: datetime, text: str = "Un mot.") -> Message:
    return ticket.take_message(author=author, text=text, at=at)


def test_a_request_opens_with_its_first_message():
    ticket, message = Ticket.opened(
        customer=CUSTOMER, product=product(), subject="En panne", text="Plus rien.", at=NINE
    )

    assert (ticket.status, ticket.version) == (Status.OPEN, 1)
    assert ticket.opened_at == ticket.waiting_since == ticket.last_activity_at == NINE
    assert ticket.last_visible_by == Side.CUSTOMER
    assert ticket.unread
    assert (ticket.last_author_name, ticket.last_text) == ("Nathalie Rousseau", "Plus rien.")
    assert (message.ticket_id, message.text) == (ticket.id, "Plus rien.")
    assert (message.kind, message.status_after) == (MessageKind.CUSTOMER, Status.OPEN)


def test_nobody_opens_a_request_on_the_product_of_another():
    with pytest.raises(ProductNotOwned) as refusal:
        Ticket.opened(customer=STRANGER, product=product(), subject="S", text="T", at=NINE)
    assert refusal.value.field == "sale_id"


@pytest.mark.parametrize("sold", [True, False])
def test_nobody_opens_a_request_on_a_cancelled_sale(sold):
    cancelled = product(cancelled=True, sold=sold)
    with pytest.raises(SaleWasCancelled) as refusal:
        Ticket.opened(customer=CUSTOMER, product=cancelled, subject="S", text="T", at=NINE)
    assert refusal.value.field == "sale_id"


def test_only_a_resolved_request_of_ones_own_about_the_same_product_is_followed():
    first, bought = opened(), product()

    def following(followed: Ticket, what: OwnedProduct, by: Caller = CUSTOMER) -> Ticket:
        ticket, _ = Ticket.opened(
            customer=by, product=what, subject="S", text="T", at=NINE, follows=followed
        )
        return ticket

    first.number, bought.sale_id = 1001, first.sale_id
    with pytest.raises(FollowedUnresolved) as unresolved:
        following(first, bought)
    first.resolve(by=CUSTOMER, at=NINE)
    assert following(first, bought).follows == 1001
    with pytest.raises(FollowedOtherProduct) as other:
        following(first, product())
    with pytest.raises(FollowedUnknown) as unknown:
        following(first, product(STRANGER.id), STRANGER)
    assert [it.value.field for it in (unresolved, other, unknown)] == [
        "follows", "sale_id", "follows"
    ]  # fmt: skip


@pytest.mark.parametrize("staff", [TECHNICIAN, SELLER, ADMINISTRATOR], ids=lambda who: who.role)
def test_a_reply_of_staff_puts_the_request_in_progress(staff):
    ticket = opened()
    message = say(ticket, staff, minutes(5), "L’avez-vous branchée ?")

    assert (ticket.status, ticket.waiting_since) == (Status.IN_PROGRESS, None)
    assert (ticket.last_visible_by, ticket.version) == (Side.STAFF, 2)
    assert not ticket.unread
    assert ticket.last_activity_at == message.sent_at == minutes(5)
    assert (message.kind, message.status_after) == (MessageKind.STAFF, Status.IN_PROGRESS)
    assert (message.author_id, message.author_name) == (staff.id, staff.name)
    assert message.author_role == staff.role


def test_a_precision_of_the_customer_leaves_the_request_open_and_keeps_its_place():
    ticket = opened()
    message = say(ticket, CUSTOMER, minutes(5))

    assert (ticket.status, message.status_after) == (Status.OPEN, Status.OPEN)
    assert (ticket.waiting_since, ticket.last_activity_at) == (NINE, minutes(5))


def test_the_customer_waits_from_the_first_message_that_staff_has_not_answered():
    ticket = opened()
    say(ticket, TECHNICIAN, minutes(5))
    say(ticket, CUSTOMER, minutes(10))
    say(ticket, CUSTOMER, minutes(15))

    assert (ticket.status, ticket.waiting_since) == (Status.IN_PROGRESS, minutes(10))
    assert ticket.last_visible_by == Side.CUSTOMER

    say(ticket, SELLER, minutes(20))
    assert ticket.waiting_since is None


@pytest.mark.parametrize("who", [CUSTOMER, TECHNICIAN, SELLER, ADMINISTRATOR])
@pytest.mark.parametrize("answered", [False, True])
def test_the_customer_or_staff_resolve_what_is_open_or_in_progress(who, answered):
    ticket = opened()
    if answered:
        say(ticket, TECHNICIAN, minutes(5))

    assert ticket.resolve(by=who, at=minutes(10)) is True

    assert (ticket.status, ticket.waiting_since) == (Status.RESOLVED, None)
    assert (ticket.resolved_by, ticket.resolved_by_name) == (who.id, who.name)
    assert ticket.resolved_by_side == ("customer" if who is CUSTOMER else "staff")
    assert ticket.resolved_at == ticket.last_activity_at == minutes(10)


@pytest.mark.parametrize("who", [CUSTOMER, TECHNICIAN])
def test_nobody_writes_in_a_resolved_request(who):
    ticket = opened()
    ticket.resolve(by=TECHNICIAN, at=minutes(1))
    with pytest.raises(TicketAlreadyResolved):
        say(ticket, who, minutes(2))
    assert (ticket.status, ticket.version) == (Status.RESOLVED, 2)


def test_resolving_twice_is_harmless_for_the_same_person_and_refused_to_another():
    ticket = opened()
    ticket.resolve(by=CUSTOMER, at=minutes(1))

    assert ticket.resolve(by=CUSTOMER, at=minutes(2)) is False
    with pytest.raises(TicketAlreadyResolved):
        ticket.resolve(by=TECHNICIAN, at=minutes(3))

    assert (ticket.resolved_by, ticket.resolved_at) == (CUSTOMER.id, minutes(1))
    assert ticket.version == 2


def test_a_request_does_not_exist_for_another_customer():
    ticket = opened()
    with pytest.raises(TicketUnknown):
        say(ticket, STRANGER, minutes(1))
    with pytest.raises(TicketUnknown):
        ticket.resolve(by=STRANGER, at=minutes(1))
    assert (ticket.status, ticket.version) == (Status.OPEN, 1)


def test_time_never_runs_backwards_though_clocks_differ():
    ticket = opened()
    say(ticket, TECHNICIAN, minutes(10))
    late = say(ticket, CUSTOMER, minutes(9))
    assert late.sent_at == ticket.waiting_since == minutes(10)


def test_a_list_shows_the_first_200_characters_of_the_last_message():
    ticket = opened()
    say(ticket, CUSTOMER, minutes(1), "é" * 201)
    assert ticket.last_text == "é" * 200


class LifeOfARequest(RuleBasedStateMachine):
    """Whatever anybody does in whatever order, the request is what its history says."""

    people = st.sampled_from([CUSTOMER, TECHNICIAN, SELLER, ADMINISTRATOR])
    pauses = st.floats(min_value=-2, max_value=10, allow_nan=False)

    @initialize()
    def open(self) -> None:
        self.ticket = opened()
        self.messages = [(Side.CUSTOMER, NINE)]
        self.resolved: tuple[Caller, datetime] | None = None
        self.clock = NINE
        self.ranked = 0

    def tick(self, pause: float) -> tuple[datetime, datetime]:
        """The time on this person's clock, and the time that must be kept."""
        given = self.clock + timedelta(minutes=pause)
        return given, max(given, self.clock)

    @rule(author=people, pause=pauses)
    def write(self, author: Caller, pause: float) -> None:
        given, stored = self.tick(pause)
        if self.resolved:
            with pytest.raises(TicketAlreadyResolved):
                say(self.ticket, author, given)
            return
        message = say(self.ticket, author, given)
        side = Side.CUSTOMER if author is CUSTOMER else Side.STAFF
        self.messages.append((side, stored))
        self.clock = stored
        assert (message.kind, message.sent_at) == (side.value, stored)
        assert message.status_after == self.status()

    @rule(who=people, pause=pauses)
    def resolve(self, who: Caller, pause: float) -> None:
        given, stored = self.tick(pause)
        if self.resolved is None:
            assert self.ticket.resolve(by=who, at=given) is True
            self.resolved, self.clock = (who, stored), stored
        elif self.resolved[0] is who:
            assert self.ticket.resolve(by=who, at=given) is False
        else:
            with pytest.raises(TicketAlreadyResolved):
                self.ticket.resolve(by=who, at=given)

    @rule(author=people, pause=pauses)
    def note(self, author: Caller, pause: float) -> None:
        """What staff tell each other changes nothing that the invariant looks at."""
        given, stored = self.tick(pause)
        if author is CUSTOMER:
            with pytest.raises(Forbidden):
                self.ticket.take_note(author=author, text="Entre nous.", at=given)
        elif self.resolved:
            with pytest.raises(TicketAlreadyResolved):
                self.ticket.take_note(author=author, text="Entre nous.", at=given)
        else:
            message = self.ticket.take_note(author=author, text="Entre nous.", at=given)
            assert (message.kind, message.sent_at) == ("note", stored)
            assert message.status_after == self.status()

    @rule(by=people, priority=st.sampled_from(list(Priority)))
    def prioritise(self, by: Caller, priority: Priority) -> None:
        if by is CUSTOMER or self.resolved:
            with pytest.raises((Forbidden, TicketAlreadyResolved)):
                self.ticket.prioritise(priority, by=by)
        else:
            changed = RANKS[priority] != self.ticket.priority
            assert self.ticket.prioritise(priority, by=by) is changed
            self.ranked += changed

    @rule()
    def intrude(self) -> None:
        with pytest.raises(TicketUnknown):
            say(self.ticket, STRANGER, self.clock)
        with pytest.raises(TicketUnknown):
            self.ticket.resolve(by=STRANGER, at=self.clock)

    def status(self) -> Status:
        if self.resolved:
            return Status.RESOLVED
        answered = any(side is Side.STAFF for side, _ in self.messages)
        return Status.IN_PROGRESS if answered else Status.OPEN

    def waiting_since(self) -> datetime | None:
        """From the whole history: the first word of the customer after the last one of staff."""
        if self.resolved:
            return None
        sides = [side for side, _ in self.messages]
        answers = [index for index, side in enumerate(sides) if side is Side.STAFF]
        unanswered = self.messages[answers[-1] + 1 :] if answers else self.messages
        return unanswered[0][1] if unanswered else None

    @invariant()
    def it_is_what_its_history_says(self) -> None:
        ticket = self.ticket
        assert ticket.status == self.status()
        assert ticket.waiting_since == self.waiting_since()
        assert ticket.last_visible_by == self.messages[-1][0]
        assert ticket.last_activity_at == self.clock
        assert ticket.visible_version == len(self.messages) + (1 if self.resolved else 0)
        assert ticket.version == ticket.visible_version + self.ranked
        if self.resolved:
            who, when = self.resolved
            assert (ticket.resolved_by, ticket.resolved_at) == (who.id, when)
        else:
            assert (ticket.resolved_by, ticket.resolved_at) == (None, None)


TestLifeOfARequest = LifeOfARequest.TestCase
TestLifeOfARequest.settings = settings(max_examples=200, stateful_step_count=20, deadline=None)
