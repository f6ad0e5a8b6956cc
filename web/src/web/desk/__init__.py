"""The desk of staff: the queues, the open request, quick replies."""

from web.desk import answers, desk, drafts, quick_replies, times
from web.shared.routing import Pages

router = Pages(desk.router, quick_replies.router, answers.router, drafts.router, times.router)
