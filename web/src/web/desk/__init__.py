"""The staff's desk: the queues, the request that is being answered, and what is kept ready."""

from web.desk import answers, desk, drafts, quick_replies, times
from web.shared.routing import Pages

router = Pages(desk.router, quick_replies.router, answers.router, drafts.router, times.router)
