"""One SVG sprite for every page, from the Lucide package and a few signs of our own."""

import re
from pathlib import Path

# Our name in the templates, and Lucide's.
LUCIDE = {
    "alert": "triangle-alert",
    "barcode": "barcode",
    "bolt": "zap",
    "box": "package",
    "calendar": "calendar",
    "chart": "chart-column",
    "check": "check",
    "clip": "paperclip",
    "clock": "clock",
    "copy": "copy",
    "down": "chevron-down",
    "high": "chevrons-up",
    "low": "chevrons-down",
    "download": "download",
    "edit": "pencil",
    "eye": "eye",
    "eye-off": "eye-off",
    "file": "file",
    "filter": "list-filter",
    "flag": "flag",
    "home": "house",
    "image": "image",
    "inbox": "inbox",
    "info": "info",
    "keyboard": "keyboard",
    "laptop": "laptop",
    "left": "chevron-left",
    "loader": "loader-circle",
    "lock": "lock",
    "logout": "log-out",
    "mail": "mail",
    "minus": "minus",
    "moon": "moon",
    "next": "arrow-right",
    "note": "sticky-note",
    "phone": "smartphone",
    "plus": "plus",
    "printer": "printer",
    "refresh": "refresh-cw",
    "reply": "reply",
    "right": "chevron-right",
    "search": "search",
    "sort": "arrow-down-up",
    "sun": "sun",
    "theme": "sun-moon",
    "tablet": "tablet",
    "turn": "rotate-cw",
    "zoom-in": "zoom-in",
    "zoom-out": "zoom-out",
    "ticket": "ticket",
    "user": "user",
    "user-plus": "user-plus",
    "users": "users",
    "x": "x",
}

DOTS = ((12, 11.5), (12, 8.2), (12, 14.8), (9.1, 9.85), (14.9, 9.85), (9.1, 13.15), (14.9, 13.15))

# The window, the counter, and the shapes of the statuses: shape says it before colour does.
OURS = {
    "guichet": (
        '<path d="M4.5 20.5V10.5a7.5 7.5 0 0 1 15 0v10M2.5 20.5h19"/>'
        '<g fill="currentColor" stroke="none">'
        + "".join(f'<circle cx="{x}" cy="{y}" r="1.05"/>' for x, y in DOTS)
        + "</g>"
    ),
    "counter": '<path d="M4 20V11a8 8 0 0 1 16 0v9M2.5 16h19M9 16v-2.5h6V16"/>',
    "st-open": '<circle cx="12" cy="12" r="7.5" stroke-width="2.75"/>',
    "st-busy": (
        '<circle cx="12" cy="12" r="7.5" stroke-width="2.75"/>'
        '<path d="M12 4.5a7.5 7.5 0 0 1 0 15z" fill="currentColor" stroke="none"/>'
    ),
    "st-wait": (
        '<circle cx="12" cy="12" r="7.5" stroke-width="2.75" stroke-dasharray="3.1 4.75"/>'
    ),
    "st-done": (
        '<circle cx="12" cy="12" r="9" fill="currentColor" stroke="none"/>'
        '<path d="M7.75 12.3l3 3 5.5-6" stroke="var(--surface)" stroke-width="2.5"/>'
    ),
    "st-turn": '<path d="M4.5 12h13.5M12 5.5l6.5 6.5-6.5 6.5" stroke-width="2.75"/>',
}


def sprite(assets: Path) -> str:
    """The symbols `#i-<name>`; strokes and sizes are the stylesheet's."""
    drawings = {
        name: drawing(assets / "lucide-static" / "icons" / f"{lucide}.svg")
        for name, lucide in LUCIDE.items()
    } | OURS
    symbols = "".join(
        f'<symbol id="i-{name}" viewBox="0 0 24 24">{shapes}</symbol>'
        for name, shapes in drawings.items()
    )
    return f'<svg class="sprite" width="0" height="0" aria-hidden="true">{symbols}</svg>'


def drawing(file: Path) -> str:
    """What is inside the outer <svg> of one icon."""
    whole = file.read_text(encoding="utf-8")
    inside = re.search(r"<svg[^>]*>(.*)</svg>", whole, re.DOTALL)
    if inside is None:
        raise ValueError(f"{file} is not an icon")
    return re.sub(r"\s*\n\s*", "", inside[1])
