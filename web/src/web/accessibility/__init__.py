"""The declaration that the law asks for: how far everybody can use the product."""

from web.accessibility import declaration
from web.shared.routing import Pages

router = Pages(declaration.router)
