"""For administrators: the staff's accounts, and mails that nobody received."""

from fastapi import APIRouter

from web.administration import mails, staff_members

router = APIRouter()
for part in (mails, staff_members):
    router.include_router(part.router)
