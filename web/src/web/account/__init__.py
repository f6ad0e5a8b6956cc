"""Signing in, links from mails, and one's own account."""

from web.account import account, languages, links, notifications, sign_in
from web.shared.routing import Pages

router = Pages(sign_in.router, links.router, notifications.router, languages.router, account.router)
