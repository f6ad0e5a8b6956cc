"""Describes a browser by its User-Agent, so that people recognise it."""

from web.shared.text.language import _

PROGRAMS = (
    # The first that matches: most of them also claim to be those below.
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
# What the machine is, and the icon for its kind.
MACHINES = (
    ("iPhone", "iPhone", "phone"),
    ("iPad", "iPad", "tablet"),
    ("Android", "Android", "phone"),
    ("Windows", "Windows", "laptop"),
    ("Macintosh", "macOS", "laptop"),
    ("CrOS", "ChromeOS", "laptop"),
    ("Linux", "Linux", "laptop"),
)


def browser_label(user_agent: str) -> str:
    """« Firefox sur Windows »"""
    program = next((name for mark, name in PROGRAMS if mark in user_agent), "")
    machine = next((name for mark, name, _ in MACHINES if mark in user_agent), "")
    if program and machine:
        return _("%(program)s sur %(machine)s", program=program, machine=machine)
    return program or machine or _("Navigateur inconnu")


def browser_icon(user_agent: str) -> str:
    return next((icon for mark, _, icon in MACHINES if mark in user_agent), "laptop")
