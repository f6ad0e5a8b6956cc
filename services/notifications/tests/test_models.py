"""The rules about one mail, tested without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.identity.roles import Role
from contracts.notifications.api import Kind, State
from notifications.models import Due, Mail, Person, Preferences, Reason, Ticket, Verdict
from notifications.operations.mails import LONGEST_PAUSE, error_of, postpone
from notifications.operations.queueing import Notification, Rules, key_of

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MOMENT, SECOND, HOUR = timedelta(microseconds=1), timedelta(seconds=1), timedelta(hours=1)
CUSTOMER, COLLEAGUE = uuid4(), uuid4()
RULES = Rules(gather=timedelta(0), max_age=HOUR, retention=24 * HOUR)


def mail(kind: Kind = Kind.REPLY, **changes: Any) -> Mail:
    values: dict[str, Any] = {
        "id": uuid4(),
        "kind": kind,
        "person_id": CUSTOMER,
        "created_at": AT,
        "changed_at": AT,
        "wanted_at": AT,
        "due_at": AT,
    }
    return Mail(**values | changes)


def person(**changes: Any) -> Person:
    values: dict[str, Any] = {
        "id": CUSTOMER,
        "version": 1,
        "role": Role.CUSTOMER,
        "first_name": "Inès",
        "last_name": "Dubois",
        "email": "ines@example.org",
        "enabled": True,
    }
    return Person(**values | changes)


def ticket(**changes: Any) -> Ticket:
    values: dict[str, Any] = {
        "id": uuid4(),
        "number": 4127,
        "customer_id": CUSTOMER,
        "designation": "Imprimante",
    }
    return Ticket(**values | changes)


def reason(version: int = 0, **changes: Any) -> Reason:
    values: dict[str, Any] = {
        "person_id": CUSTOMER,
        "event_key": uuid4(),
        "mail_id": uuid4(),
        "happened_at": AT,
        "version": version,
    }
    return Reason(**values | changes)


def due(kind: Kind = Kind.REPLY, **changes: Any) -> Due:
    values: dict[str, Any] = {
        "mail": mail(kind),
        "person": person(),
        "preferences": Preferences(person_id=CUSTOMER),
        "ticket": ticket(),
        "reasons": (reason(2),),
        "authors": {},
    }
    return Due(**values | changes)


# For a mail about version 2 of a request: what happened since, and whether it is still sent.
@pytest.mark.parametrize(
    ("kind", "since", "goes"),
    [
        (Kind.REPLY, {"customer_version": 2}, True),
        (Kind.REPLY, {"customer_version": 3}, False),
        (Kind.REPLY, {"staff_version": 3}, True),
        (Kind.REPLY, {"resolved_by": CUSTOMER}, False),
        (Kind.REPLY, {"resolved_by": COLLEAGUE}, False),
        (Kind.NEW_REQUEST, {"customer_version": 3}, True),
        (Kind.NEW_REQUEST, {"staff_version": 1}, False),
        (Kind.NEW_REQUEST, {"resolved_by": CUSTOMER}, False),
        (Kind.ACKNOWLEDGEMENT, {}, True),
        (Kind.ACKNOWLEDGEMENT, {"staff_version": 1}, False),
        (Kind.ACKNOWLEDGEMENT, {"resolved_by": COLLEAGUE}, False),
        (Kind.CUSTOMER_ANSWER, {"staff_version": 2}, True),
        (Kind.CUSTOMER_ANSWER, {"staff_version": 3}, False),
        (Kind.CUSTOMER_ANSWER, {"resolved_by": CUSTOMER}, False),
        (Kind.RESOLVED, {"staff_version": 3, "resolved_by": COLLEAGUE}, True),
    ],
)
def test_a_mail_is_obsolete_after_later_changes(kind, since, goes):
    wants = Preferences(person_id=CUSTOMER, new_requests_since=AT, customer_answers_since=AT)
    to_staff = kind in {Kind.NEW_REQUEST, Kind.CUSTOMER_ANSWER}
    reader = person(role=Role.TECHNICIAN) if to_staff else person()
    about = due(kind, ticket=ticket(**since), preferences=wants, person=reader)
    assert about.verdict(AT) is (Verdict.READY if goes else Verdict.OBSOLETE)


def test_an_answer_of_unknown_version_is_superseded_by_any_customers_message():
    about = due(reasons=(), ticket=ticket(customer_version=1))
    assert about.verdict(AT) is Verdict.OBSOLETE


def test_who_wants_no_mail_about_the_resolution_gets_the_answer_before_it():
    wants = Preferences(person_id=CUSTOMER, resolutions=False)
    about = due(ticket=ticket(resolved_by=COLLEAGUE), preferences=wants)
    assert about.verdict(AT) is Verdict.READY


def test_a_link_is_sent_until_its_end():
    for end, verdict in ((AT + MOMENT, Verdict.READY), (AT, Verdict.OBSOLETE)):
        link = mail(Kind.PASSWORD_LINK, link_expires_at=end)
        assert due(mail=link, ticket=None, person=None).verdict(AT) is verdict


def test_a_mail_waits_for_what_it_has_to_name():
    assert due().verdict(AT) is Verdict.READY
    assert due(person=None).verdict(AT) is Verdict.INCOMPLETE
    assert due(ticket=None).verdict(AT) is Verdict.INCOMPLETE
    assert due(ticket=ticket(designation=None)).verdict(AT) is Verdict.INCOMPLETE
    assert due(Kind.PASSWORD_CHANGED, ticket=None).verdict(AT) is Verdict.READY
    written = (reason(2, author_id=COLLEAGUE), reason(3, author_id=CUSTOMER))
    known = {COLLEAGUE: person(id=COLLEAGUE), CUSTOMER: person()}
    assert due(reasons=written, authors=known).verdict(AT) is Verdict.READY
    assert due(reasons=written, authors={CUSTOMER: person()}).verdict(AT) is Verdict.INCOMPLETE


def test_a_disabled_account_gets_only_mails_about_its_security():
    disabled = person(enabled=False)
    assert due(person=disabled).verdict(AT) is Verdict.OBSOLETE
    for kind in (Kind.PASSWORD_CHANGED, Kind.FIRST_PASSWORD, Kind.EMAIL_CHANGED):
        assert due(kind, person=disabled, ticket=None).verdict(AT) is Verdict.READY


def test_authors_are_named_once_in_the_order_in_which_they_wrote():
    ids = [uuid4() for _ in range(2)]
    reasons = tuple(
        reason(n, author_id=who, message_id=message)
        for n, (who, message) in enumerate(
            [(COLLEAGUE, ids[0]), (CUSTOMER, None), (None, ids[1]), (COLLEAGUE, None)]
        )
    )
    about = due(reasons=reasons)
    assert about.author_ids == [COLLEAGUE, CUSTOMER]
    assert about.message_ids == ids


def test_a_mail_goes_to_its_own_address_or_to_the_persons():
    assert due().email == "ines@example.org"
    assert due(mail=mail(fixed_email="avant@example.org")).email == "avant@example.org"
    assert due(person=None).email == ""


def test_a_mail_sent_again_starts_as_if_it_were_new():
    again = mail(state=State.FAILED, attempts=3, waits=2, last_error="550", claim=uuid4())
    again.claimed_until = AT
    again.resend(at=AT + HOUR)
    assert (again.state, again.attempts, again.waits, again.last_error) == ("waiting", 0, 0, None)
    assert again.wanted_at == again.due_at == again.changed_at == AT + HOUR
    assert (again.claim, again.claimed_until) == (None, None)


def test_preferences_of_staff_start_when_they_were_set():
    known = Preferences(person_id=COLLEAGUE)
    assert not known.wants(Kind.NEW_REQUEST)
    known.change("new_requests", True, at=AT)
    known.change("new_requests", True, at=AT + HOUR)
    assert known.new_requests_since == AT
    assert known.wants(Kind.NEW_REQUEST)
    assert not known.wants(Kind.CUSTOMER_ANSWER)
    known.change("new_requests", False, at=AT)
    assert known.new_requests_since is None
    known.change("customer_answers", True, at=AT)
    assert known.customer_answers_since == AT


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("replies", Kind.REPLY),
        ("resolutions", Kind.RESOLVED),
        ("acknowledgements", Kind.ACKNOWLEDGEMENT),
    ],
)
def test_mails_that_customers_get_unless_they_refuse(name, kind):
    known = Preferences(person_id=CUSTOMER)
    assert known.wants(kind)
    known.change(name, False, at=AT)
    assert not known.wants(kind)
    assert known.wants(Kind.PASSWORD_LINK)


def test_what_is_missing_is_waited_for_ever_longer_and_not_for_ever():
    waiting = mail(attempts=1, tried_at=AT)
    pauses = []
    for _ in range(12):
        waiting.attempts += 1
        postpone(waiting, at=AT, max_wait=HOUR)
        pauses.append((waiting.due_at - AT).total_seconds())
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == LONGEST_PAUSE.total_seconds()
    assert (waiting.state, waiting.attempts, waiting.tried_at) == ("waiting", 1, None)
    postpone(waiting, at=AT + HOUR, max_wait=HOUR)
    assert waiting.state == "waiting"
    postpone(waiting, at=AT + HOUR + MOMENT, max_wait=HOUR)
    assert waiting.state == "failed"


def test_an_event_has_the_same_key_in_every_release():
    """What was told before an update is not told again by a replay after it."""
    assert key_of("reply", 4127) == UUID("70331817-7fef-5252-8935-724ff67b830c")


def test_what_a_server_answers_is_one_line_of_bounded_length():
    assert error_of("550 no\r\n\x07 such  user") == "550 no such user"
    assert len(error_of("x" * 501)) == 500


def test_an_old_event_counts_where_it_is_new_in_its_stream(monkeypatch):
    monkeypatch.setattr("chassis.clock.now", lambda: AT)

    def notified(ago: timedelta) -> Notification:
        return Notification(Kind.REPLY, uuid4(), AT - ago)

    assert not RULES.is_too_old(notified(HOUR))
    assert RULES.is_too_old(notified(HOUR + MOMENT))
    assert RULES.arrived_late(notified(2 * HOUR), AT - HOUR)
    assert not RULES.arrived_late(notified(2 * HOUR), AT - HOUR - MOMENT)
    assert not RULES.arrived_late(notified(2 * HOUR), None)
    assert RULES.arrived_late(notified(24 * HOUR - MOMENT), AT)
    assert not RULES.arrived_late(notified(24 * HOUR), AT)
