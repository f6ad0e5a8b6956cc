"""The staff's desk: the queues, the request that is being answered, and what is kept ready."""

from fastapi import APIRouter

from web.desk import answers, desk, drafts, quick_replies, times

router = APIRouter()
for part in (quick_replies, desk, answers, drafts, times):
    router.include_router(part.router, prefix="/demandes")
