"""The day of a sale, however it was typed."""

from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response

from contracts.sales.api import OLDEST_YEARS, day_refusal, years_before
from web.counter.new_sale.typed_days import day_of
from web.counter.pieces import answer, errors, piece
from web.shared import words
from web.shared.forms import Form, Typed
from web.shared.sessions import Staff
from web.shared.text.dates import Dates

router = APIRouter()

UNASKED_YEARS = 1  # an older day may be a slip in the year


@router.post("/comptoir/dates")
async def understand_day(request: Request, _: Staff, form: Typed) -> Response:
    """Parse what was typed; also called while typing."""
    return answer(**about_day(request, form))


def about_day(request: Request, form: Form) -> dict[str, Any]:
    """The day in every form that the page shows; `asks` if the seller has to confirm it."""
    day = day_meant(request, form)
    if day is None:
        return {"fields": errors(request, form)}
    dates = shop_dates(request)
    asks = must_confirm(request, form, day)
    hint = piece(request, "day", day=day, today=dates.today(), asks=asks)
    return {
        "day": day.isoformat(),
        "short": dates.short_day(day),
        "words": dates.day(day),
        "weekday": dates.weekday(day),
        "asks": asks,
        "fields": {"sold_on": hint},
    }


def day_meant(request: Request, form: Form) -> date | None:
    """The day, or None with an error in the form."""
    dates = shop_dates(request)
    today = dates.today()
    day = day_of(form["sold_on"], today)
    code = day_refusal(day, today) if day else "date_unreadable"
    if code:
        oldest = dates.short_day(years_before(today, OLDEST_YEARS))
        form.refuse("sold_on", words.refusal(code, {"oldest": oldest}))
        return None
    return day


def must_confirm(request: Request, form: Form, day: date) -> bool:
    """Asked once: `day_confirmed` is the day that the seller has confirmed."""
    recent = years_before(shop_dates(request).today(), UNASKED_YEARS)
    return day < recent and form["day_confirmed"] != day.isoformat()


def shop_dates(request: Request) -> Dates:
    return Dates(request.app.state.settings.zone)
