"""The accounts of the demo, and whether they are there."""

from pathlib import Path

from local.launcher.stack import Stack

SELLER = ("Vincent", "Delmas", "vendeur@example.com", "ambre-comptoir-7482")
TECHNICIAN = ("Thomas", "Lefèvre", "technicien@example.com", "cobalt-atelier-3915")
ADMINISTRATOR = ("Claire", "Fontaine", "administrateur@example.com", "opale-bureau-6207")
CUSTOMERS = {
    "Hélène Marchand": ("cliente@example.com", "lavande-jardin-5538"),
    "Karim Benali": ("client@example.com", "fougere-sentier-8164"),
}
ACCOUNTS = [
    ("seller", *SELLER[2:]),
    ("technician", *TECHNICIAN[2:]),
    ("administrator", *ADMINISTRATOR[2:]),
    *[("customer", *account) for account in CUSTOMERS.values()],
]


def marker(stack: Stack) -> Path:
    return stack.state / "demo.json"


def is_loaded(stack: Stack) -> bool:
    return marker(stack).exists()
