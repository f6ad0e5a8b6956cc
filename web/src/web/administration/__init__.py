"""For administrators: staff accounts, and mails that were not delivered."""

from web.administration import mails, staff_members
from web.shared.routing import Pages

router = Pages(mails.router, staff_members.router)
