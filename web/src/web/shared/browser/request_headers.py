"""What a browser says beside the address, the form and its cookies.

No header of a request is read anywhere else: what no browser sends is as if it were not there, so
that whoever reads one may take it, compare it and pass it on as it is.
"""

import ipaddress
import re
from enum import StrEnum

from fastapi import Request

LONGEST = 4_096
VISIBLE = re.compile(r"[\x20-\x7e]*")


class Header(StrEnum):
    ACCEPT_ENCODING = "Accept-Encoding"
    ACCEPT_LANGUAGE = "Accept-Language"
    HOST = "Host"
    IF_NONE_MATCH = "If-None-Match"
    IF_RANGE = "If-Range"
    ORIGIN = "Origin"
    RANGE = "Range"
    REFERER = "Referer"
    SITE = "Sec-Fetch-Site"
    USER_AGENT = "User-Agent"
    FORWARDED_FOR = "X-Forwarded-For"
    HTMX = "HX-Request"
    # Modules of a page say with each request whose page it is; see shared/scripts/session.js.
    PAGE_OF = "X-Guichet-Person"


def has(request: Request, name: Header) -> bool:
    return name in request.headers


def read(request: Request, name: Header) -> str:
    """Empty where it is not sent, or is none that a browser sends."""
    given = request.headers.get(name, "")
    return given if len(given) <= LONGEST and VISIBLE.fullmatch(given) else ""


def browser_address(request: Request) -> str:
    """The last address in X-Forwarded-For is the one that the gateway itself saw."""
    seen = read(request, Header.FORWARDED_FOR).rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(seen))
    except ValueError:
        return request.client.host if request.client else ""
