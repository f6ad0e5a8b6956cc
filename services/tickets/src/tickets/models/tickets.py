"""A request for help and its life."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Text,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import new_id
from chassis.errors import Forbidden, NotFound, Refusal
from chassis.http.auth import Caller
from contracts.tickets.api import MessageKind, Priority, Status
from contracts.tickets.events import Side
from tickets.models.mapping import Base, holds
from tickets.models.messages import Message, StaffOnly
from tickets.models.people import OwnedProduct, is_staff, side_of

EXCERPT_LENGTH = 200

# Which requests a list holds.
UNANSWERED = holds("waiting_since IS NOT NULL")
OPEN = holds("status = 'open'")
IN_PROGRESS = holds("status = 'in_progress'")
WAITING_FOR_CUSTOMER = holds("(status = 'in_progress' AND last_visible_by = 'staff')")
RESOLVED = holds("status = 'resolved'")
UNRESOLVED = holds("status <> 'resolved'")
UNREAD = holds("unread")

# The time by which each queue is sorted.
SORTED_BY = {
    "to_handle": ("waiting_since", UNANSWERED),
    "open": ("waiting_since", OPEN),
    "in_progress": ("last_activity_at", IN_PROGRESS),
    "waiting_customer": ("last_activity_at", WAITING_FOR_CUSTOMER),
    "resolved": ("resolved_at", RESOLVED),
}

# Stored as a rank, so that the highest priority comes first in an index.
RANKS = {Priority.URGENT: 1, Priority.HIGH: 2, Priority.NORMAL: 3, Priority.LOW: 4}
# The name of a row's rank, in the order of the ranks.
PRIORITY = literal_column("(ARRAY['urgent', 'high', 'normal', 'low'])[priority]", Text).label(
    "priority"
)


class TicketUnknown(NotFound):
    """No such request, or the caller may not see it."""

    code = "ticket_unknown"


class TicketAlreadyResolved(Refusal):
    code = "ticket_resolved"


class ProductNotOwned(Refusal):
    code = "product_not_owned"


class SaleWasCancelled(Refusal):
    code = "sale_cancelled"


class FollowedUnknown(Refusal):
    """No such request to follow, or it is another customer's."""

    code = "followed_ticket_unknown"


class FollowedUnresolved(Refusal):
    code = "followed_ticket_unresolved"


class FollowedOtherProduct(Refusal):
    code = "followed_other_product"


class Ticket(Base):
    """A customer's request for help about one product they bought.

    Its life is enforced by its methods, the only writers of its state, and again by the table's
    constraints.

    `version` counts every published change, `visible_version` those that the customer may see:
    notes, priority and what staff have opened are not.
    """

    __tablename__ = "tickets"
    __table_args__ = (
        CheckConstraint("status IN ('open', 'in_progress', 'resolved')", name="status"),
        CheckConstraint("last_visible_by IN ('customer', 'staff')", name="last_visible_by"),
        CheckConstraint("resolved_by_side IN ('customer', 'staff')", name="resolved_by_side"),
        CheckConstraint(
            "(waiting_since IS NOT NULL) = (status <> 'resolved' AND last_visible_by = 'customer')",
            name="waiting",
        ),
        CheckConstraint("status <> 'open' OR last_visible_by = 'customer'", name="open"),
        CheckConstraint(
            "num_nonnulls(resolved_at, resolved_by, resolved_by_name, resolved_by_side)"
            " = CASE status WHEN 'resolved' THEN 4 ELSE 0 END",
            name="resolved",
        ),
        CheckConstraint("priority BETWEEN 1 AND 4", name="priority"),
        CheckConstraint("visible_version <= version", name="visible_version"),
        # The day of opening stands last, so that old requests are passed over inside the index.
        *(
            Index(f"ix_tickets_{view}", sorted_by, "number", "opened_at", postgresql_where=holds)
            for view, (sorted_by, holds) in SORTED_BY.items()
        ),
        *(
            Index(
                f"ix_tickets_{view}_by_priority",
                "priority",
                sorted_by,
                "number",
                postgresql_where=holds,
            )
            for view, (sorted_by, holds) in SORTED_BY.items()
        ),
        Index("ix_tickets_unread", "waiting_since", "number", postgresql_where=UNREAD),
        Index("ix_tickets_opened", "opened_at", "number"),
        Index("ix_tickets_of_product", "product_id", "last_activity_at", "number"),
        Index("ix_tickets_of_serial_number", "serial_number", "number"),
        Index(
            "ix_tickets_parts_of_serial_number",
            text("(number >> 12)"),
            text("(number >> 16)"),
            "serial_number",
            postgresql_using="gin",
            postgresql_ops={"serial_number": "gin_trgm_ops"},
        ),
        Index(
            "ix_tickets_unresolved_of_customer",
            "customer_id",
            "number",
            postgresql_where=UNRESOLVED,
        ),
        Index("ix_tickets_unresolved_of_sale", "sale_id", "number", postgresql_where=UNRESOLVED),
        Index(
            "ix_tickets_following",
            "follows",
            "number",
            postgresql_where=text("follows IS NOT NULL"),
        ),
        Index("ix_tickets_of_customer", "customer_id", "last_activity_at", "number"),
        Index(
            "ix_tickets_awaiting_customer",
            "customer_id",
            "last_activity_at",
            "number",
            postgresql_where=WAITING_FOR_CUSTOMER,
        ),
        Index(
            "ix_tickets_others_of_customer",
            "customer_id",
            text(f"({UNRESOLVED})"),
            "last_activity_at",
            "number",
            postgresql_where=~WAITING_FOR_CUSTOMER,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(start=1001), unique=True, init=False)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    sale_id: Mapped[UUID] = mapped_column(ForeignKey("owned_products.sale_id"))
    # The product as it was sold: later changes in sales or catalog do not change a request.
    product_id: Mapped[UUID]
    reference: Mapped[str]
    designation: Mapped[str]
    serial_number: Mapped[str]
    sold_on: Mapped[date]
    subject: Mapped[str]
    status: Mapped[str]
    version: Mapped[int]
    visible_version: Mapped[int]
    opened_at: Mapped[datetime]
    waiting_since: Mapped[datetime | None]
    last_visible_by: Mapped[str]
    last_activity_at: Mapped[datetime]
    last_author_name: Mapped[str]
    last_text: Mapped[str]
    unread: Mapped[bool]
    priority: Mapped[int] = mapped_column(SmallInteger, default=RANKS[Priority.NORMAL])
    answered_by: Mapped[list[str]] = mapped_column(ARRAY(Text), default_factory=list)
    follows: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("tickets.number"), default=None
    )
    resolved_at: Mapped[datetime | None] = mapped_column(default=None)
    resolved_by: Mapped[UUID | None] = mapped_column(default=None)
    resolved_by_name: Mapped[str | None] = mapped_column(default=None)
    resolved_by_side: Mapped[str | None] = mapped_column(default=None)

    @classmethod
    def opened(
        cls,
        *,
        customer: Caller,
        product: OwnedProduct,
        subject: str,
        text: str,
        at: datetime,
        follows: "Ticket | None" = None,
    ) -> tuple["Ticket", Message]:
        """A new request on a product of this customer, with its first message."""
        if product.customer_id != customer.id:
            raise ProductNotOwned("not a product of this customer", field="sale_id")
        if product.cancelled or product.sold_on is None:
            raise SaleWasCancelled("this sale was cancelled", field="sale_id")
        if follows is not None:
            follows._admit_follower(customer, product)
        ticket = cls(
            id=new_id(),
            customer_id=customer.id,
            sale_id=product.sale_id,
            product_id=product.product_id,
            reference=product.reference,
            designation=product.designation,
            serial_number=product.serial_number,
            sold_on=product.sold_on,
            subject=subject,
            status=Status.OPEN,
            version=1,
            visible_version=1,
            opened_at=at,
            waiting_since=at,
            last_visible_by=Side.CUSTOMER,
            last_activity_at=at,
            last_author_name=customer.name,
            last_text=text[:EXCERPT_LENGTH],
            unread=True,
            follows=None if follows is None else follows.number,
        )
        return ticket, ticket._add_message(author=customer, text=text, at=at)

    def _admit_follower(self, customer: Caller, product: OwnedProduct) -> None:
        if self.customer_id != customer.id:
            raise FollowedUnknown("no request of this customer", field="follows")
        if self.status != Status.RESOLVED:
            raise FollowedUnresolved("that request can still be completed", field="follows")
        if self.sale_id != product.sale_id:
            raise FollowedOtherProduct("that request is about another product", field="sale_id")

    def take_message(
        self, *, author: Caller, text: str, at: datetime, minutes: int | None = None
    ) -> Message:
        """A reply of staff sets the request to in progress; a customer's message changes no status.

        The wait starts with the customer's first unanswered message: a further one does not lose
        the place in the queue.
        """
        self._admit(author)
        self._refuse_if_resolved()
        if minutes is not None and not is_staff(author):
            raise StaffOnly("customers cannot record time spent", field="minutes")
        at = self._advance(at)
        self.last_visible_by = side_of(author)
        if self.last_visible_by == Side.STAFF:
            self.status, self.waiting_since, self.unread = Status.IN_PROGRESS, None, False
            if author.name not in self.answered_by:
                self.answered_by = [*self.answered_by, author.name]
        else:
            self.unread = True
            if self.waiting_since is None:
                self.waiting_since = at
        self.last_author_name, self.last_text = author.name, text[:EXCERPT_LENGTH]
        return self._add_message(author=author, text=text, at=at, minutes=minutes)

    def take_note(
        self, *, author: Caller, text: str, at: datetime, minutes: int | None = None
    ) -> Message:
        """A note among staff: changes nothing that a customer or a queue shows."""
        if not is_staff(author):
            raise Forbidden("notes are reserved to staff")
        self._refuse_if_resolved()
        at = max(at, self.last_activity_at)
        return self._add_message(
            author=author, text=text, at=at, minutes=minutes, kind=MessageKind.NOTE
        )

    def prioritise(self, priority: Priority, *, by: Caller) -> bool:
        """Set the priority; False if it is the same."""
        if not is_staff(by):
            raise Forbidden("the priority is reserved to staff")
        self._refuse_if_resolved()
        if self.priority == RANKS[priority]:
            return False
        self.priority = RANKS[priority]
        self.version += 1
        return True

    def open_by_staff(self) -> bool:
        """Mark all messages of the customer as opened; False if they were."""
        was_unread, self.unread = self.unread, False
        return was_unread

    def resolve(self, *, by: Caller, at: datetime) -> bool:
        """Close the request, finally; False if the same person had closed it before."""
        self._admit(by)
        if self.status == Status.RESOLVED:
            if self.resolved_by == by.id:
                return False
            raise TicketAlreadyResolved("somebody else resolved this request")
        self.resolved_at = self._advance(at)
        self.status, self.waiting_since = Status.RESOLVED, None
        self.resolved_by, self.resolved_by_name = by.id, by.name
        self.resolved_by_side = side_of(by)
        self.unread = self.unread and not is_staff(by)
        return True

    def _admit(self, caller: Caller) -> None:
        if side_of(caller) == Side.CUSTOMER and caller.id != self.customer_id:
            raise TicketUnknown("no request of this customer")

    def _refuse_if_resolved(self) -> None:
        if self.status == Status.RESOLVED:
            raise TicketAlreadyResolved("a resolved request takes no more messages")

    def _advance(self, at: datetime) -> datetime:
        """Count a change. Machines' clocks may differ: the time of the last activity never goes
        back.
        """
        self.version += 1
        self.visible_version += 1
        self.last_activity_at = max(at, self.last_activity_at)
        return self.last_activity_at

    def _add_message(
        self,
        *,
        author: Caller,
        text: str,
        at: datetime,
        minutes: int | None = None,
        kind: MessageKind | None = None,
    ) -> Message:
        return Message(
            id=new_id(),
            ticket_id=self.id,
            customer_id=self.customer_id,
            kind=kind or MessageKind(side_of(author).value),
            author_id=author.id,
            author_name=author.name,
            author_role=author.role,
            text=text,
            sent_at=at,
            status_after=self.status,
            minutes=minutes,
        )
