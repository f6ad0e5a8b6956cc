"""Signing in, links from mails, and one's own account."""

from fastapi import APIRouter

from web.account import account, links, notifications, sign_in

router = APIRouter()
for part in (sign_in, links, notifications, account):
    router.include_router(part.router)
