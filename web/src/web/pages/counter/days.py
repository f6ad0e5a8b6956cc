"""The day of a sale, however it was typed."""

from datetime import date

from fastapi import APIRouter, Request, Response

from web import words
from web.dates import Dates
from web.forms import Form, Typed
from web.pages.counter.pieces import answer, errors, piece
from web.sessions import Staff
from web.typed_days import day_of

router = APIRouter()


@router.post("/comptoir/dates")
async def understand_day(request: Request, _: Staff, form: Typed) -> Response:
    day = day_meant(request, form)
    if day is None:
        return answer(fields=errors(request, form))
    dates = shop_dates(request)
    return answer(
        day=day.isoformat(),
        short=dates.short_day(day),
        words=dates.day(day),
        weekday=dates.weekday(day),
        fields={"sold_on": piece(request, "day", day=day, today=dates.today())},
    )


def day_meant(request: Request, form: Form) -> date | None:
    """The day, or None once the form says why not."""
    today = shop_dates(request).today()
    day = day_of(form["sold_on"], today)
    if day is None:
        form.refuse("sold_on", words.refusal("date_unreadable"))
    elif day > today:
        form.refuse("sold_on", words.refusal("sold_on_in_future"))
    return None if form.errors else day


def shop_dates(request: Request) -> Dates:
    return Dates(request.app.state.settings.zone)
