"""For administrators: the staff's accounts, and mails that nobody received."""

from web.administration import mails, staff_members
from web.shared.routing import Pages

router = Pages(mails.router, staff_members.router)
