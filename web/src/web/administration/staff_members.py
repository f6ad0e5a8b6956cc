"""Staff accounts, for administrators."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from contracts.identity.api import StaffMember, StaffRole
from web.clients import identity
from web.clients.gateway import Problem
from web.shared import words
from web.shared.forms import Form, Typed, question_email
from web.shared.rendering import page, redirect
from web.shared.sessions import Administrator, SignedIn

router = APIRouter(prefix="/personnel")

TYPED = ("first_name", "last_name", "email", "role")


@router.get("")
async def staff_members(request: Request, administrator: Administrator) -> Response:
    return await show(request, administrator, Form())


@router.post("")
async def add(request: Request, administrator: Administrator, form: Typed) -> Response:
    """By an invitation where mail can be sent, else with a password to hand over."""
    for name in TYPED:
        form.values.setdefault(name, "")
    member = {name: form[name] for name in TYPED}
    if not request.app.state.settings.mail:
        member["password"] = form.values.setdefault("password", "")
    question_email(form)
    if form.is_refused:
        return await show(request, administrator, form)
    try:
        await identity.register_staff_member(administrator.gateway, member, key=form.key)
    except Problem as problem:
        return await show(request, administrator, form.refused(problem))
    done = "staff_invited" if request.app.state.settings.mail else "staff_added"
    return redirect(request, "/personnel", done=done)


@router.post("/{member_id:uuid}/role")
async def change_role(
    request: Request, member_id: UUID, administrator: Administrator, form: Typed
) -> Response:
    return await change(request, administrator, member_id, form, role=form["role"])


@router.post("/{member_id:uuid}/activation")
async def enable(
    request: Request, member_id: UUID, administrator: Administrator, form: Typed
) -> Response:
    return await change(request, administrator, member_id, form, enabled=True)


@router.post("/{member_id:uuid}/desactivation")
async def disable(
    request: Request, member_id: UUID, administrator: Administrator, form: Typed
) -> Response:
    """After a confirmation: it signs the person out everywhere."""
    if form["answer"] == "confirm":
        return await change(request, administrator, member_id, form, enabled=False)
    known = (await identity.staff(administrator.gateway)).staff
    member = next((each for each in known if each.id == member_id), None)
    if member is None:
        return redirect(request, "/personnel")
    return page(
        request,
        "administration/staff/disable.html",
        person=administrator,
        tab="staff",
        member=member,
    )


@router.post("/{member_id:uuid}/lien")
async def invite(
    request: Request, member_id: UUID, administrator: Administrator, form: Typed
) -> Response:
    try:
        await identity.invite_staff_member(administrator.gateway, member_id, key=form.key)
    except Problem as problem:
        form.refused(problem)
        return await show(request, administrator, Form(), refused=form, sending=member_id)
    return redirect(request, "/personnel", done="link_sent_again")


async def change(
    request: Request, person: SignedIn, member_id: UUID, form: Form, **what: str | bool
) -> Response:
    try:
        await identity.change_staff_member(person.gateway, member_id, **what)
    except Problem as problem:
        return await show(request, person, Form(), refused=form.refused(problem))
    return redirect(request, "/personnel", done="staff_changed")


async def show(
    request: Request,
    person: SignedIn,
    form: Form,
    *,
    refused: Form | None = None,
    sending: UUID | None = None,
) -> Response:
    """`refused` is one of the small forms in the list; for a link, the one of `sending`."""
    known = (await identity.staff(person.gateway)).staff
    return page(
        request,
        "administration/staff/list.html",
        person=person,
        tab="staff",
        status=(refused or form).status,
        members=sorted(known, key=sort_key),
        # Tried again, a link that may have been sent keeps its key.
        links={each.id: refused if refused and each.id == sending else Form() for each in known},
        form=form,
        roles={role.value: words.capital(words.role(role)) for role in StaffRole},
        is_caught=request.app.state.settings.caught_mail is not None,
        problem=first_words(refused) if refused else "",
    )


def first_words(form: Form) -> str:
    return form.problem or next(iter(form.errors.values()), "")


def sort_key(member: StaffMember) -> tuple[bool, str, str]:
    """Enabled accounts first, then by name."""
    return not member.enabled, member.last_name.casefold(), member.first_name.casefold()
