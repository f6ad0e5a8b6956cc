"""A shop in the middle of a day: requests in every state, so that every page has something."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from caught_mails import Mailbox
from shop import Account, Product, Shop, new_request
from waiting import eventually

ACCENTS = "\u0301" * 60
LONG_WORD = "sansaucunblanc" * 7 + "du"  # 100 letters
PARAGRAPHS = (
    "Bonjour,\n\nle voyant passe au rouge, puis plus rien.\n\n"
    f"{LONG_WORD}\n\nhttps://example.org/{LONG_WORD} se{ACCENTS}c"
)


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Who is in the dataset and what about: as pictures show it, or as nobody wishes it."""

    seller: tuple[str, str]
    technician: tuple[str, str]
    customer: tuple[str, str]
    mailbox: str  # of the customer's address
    product: tuple[str, str]  # reference and designation
    subjects: tuple[str, str, str, str]  # open, answered, replied, resolved
    reason: str


PLAIN = Cast(
    seller=("Julien", "Morel"),
    technician=("Claire", "Vasseur"),
    customer=("Éléonore", "de Saint-Exupéry-Montmorency"),
    mailbox="eleonore.montmorency",
    product=("100-100000910WOF", ""),
    subjects=(
        "Le voyant reste rouge",
        "Bourrage papier récurrent, bac 2",
        "Le papier sort en accordéon",
        "Impossible d’imprimer",
    ),
    reason="Vendu au mauvais client",
)
HOSTILE = Cast(
    seller=(f"Margot{ACCENTS}", "Rindfleischetikettierungsgesetz"),
    technician=("Maximiliennealexandrinejoséphine", f"Wu{ACCENTS}st"),
    customer=(f"Violet{ACCENTS}te", "Donaudampfschifffahrtskapitänin de Saint-Exupéry"),
    # With « @example.org », 78 characters.
    mailbox="apollonie.donaudampfschifffahrtskapitaenin.sansaucunblancsansaucun",
    product=("ZYXWVUTS-" * 5 + "W", "Zyxwvuts" * 12 + f" wt{ACCENTS}"),
    subjects=("Le voyant reste rouge", f"Voyant{ACCENTS} {ACCENTS}rouge", LONG_WORD, LONG_WORD),
    reason=f"Vendu{ACCENTS} à {LONG_WORD}",
)


@dataclass(kw_only=True)
class Dataset:
    """Who is there, and what they have on their screens."""

    seller: Account
    technician: Account
    administrator: Account
    customer: Account
    newcomer: Account
    invited: Account  # has chosen no password yet, where mail is sent
    mailbox: Mailbox | None  # of a Guichet of the tests' own
    product: Product
    withdrawn: Product
    sale: Any
    cancelled_sale: Any
    open: int
    answered: int
    replied: int
    resolved: int
    reply: str  # the id of a message of staff, in `replied`

    def ids_of(self, names: Iterable[str]) -> dict[str, str]:
        """As a draft of a sale names them; the withdrawn product is a product."""
        ids = {name: getattr(self, name).id for name in names}
        return {f"{name.replace('withdrawn', 'product')}_id": id for name, id in ids.items()}


async def make_dataset(shop: Shop, cast: Cast, mailbox: Mailbox | None) -> Dataset:
    # One after another: identity refuses to hash more passwords at once than it has time for.
    seller = await shop.hire("seller", *cast.seller)
    technician = await shop.hire("technician", *cast.technician)
    newcomer = await shop.register("Ali", "Ba")
    customer = await shop.register(*cast.customer, email=f"{cast.mailbox}@example.org")
    if cast.product[1]:
        await shop.import_products([cast.product])
    product, screen, withdrawn = await asyncio.gather(
        shop.product(cast.product[0]), shop.product("10AAM9901"), shop.product("10MAD9901")
    )
    sale = await shop.sell(customer, product, seller=seller)
    await shop.sell(customer, screen, seller=seller)
    await shop.sell(customer, withdrawn, seller=seller, withdrawn_confirmed=True)
    wrong = await shop.sell(customer, product, seller=seller)
    reason = {"reason": cast.reason}
    cancelled = await seller.post(f"/api/sales/{wrong['id']}/cancellation", reason, status=200)

    async def opens(subject: str) -> int:
        body = new_request(sale["id"], subject=subject, description=PARAGRAPHS)
        answer = await customer.call("POST", "/api/tickets", body)
        assert answer.status_code == 201, answer.text
        return answer.json()["number"]

    first = await eventually(lambda: opens(cast.subjects[0]))
    answered, replied, resolved = [await opens(subject) for subject in cast.subjects[1:]]
    for number in (answered, replied):
        path = f"/api/tickets/{number}/messages"
        await technician.post(path, {"text": "Depuis quand ?\n\nPouvez-vous essayer ailleurs ?"})
    await customer.post(f"/api/tickets/{replied}/messages", {"text": "Depuis hier."})
    await technician.call("PUT", f"/api/tickets/{replied}/priority", {"priority": "urgent"})
    note = {"text": "Le même défaut qu’en mars.\n\n" + LONG_WORD, "minutes": 10}
    message = await technician.post(f"/api/tickets/{replied}/notes", note)
    await technician.call("PUT", f"/api/tickets/messages/{message['id']}/minutes", {"minutes": 75})
    for title in ("Nettoyage du rouleau", f"Remplacement {LONG_WORD}"):
        prepared = {"title": title[:80], "text": "Bonjour {prénom},\n\néteignez l’imprimante."}
        await technician.call("POST", "/api/tickets/quick-replies", prepared)
    await technician.post(f"/api/tickets/{resolved}/resolution", status=200)
    invited = await is_mailed_links(shop, newcomer)
    await shop.sell(invited, product, seller=seller)
    return Dataset(
        seller=seller,
        technician=technician,
        administrator=shop.administrator,
        customer=customer,
        newcomer=newcomer,
        invited=invited,
        mailbox=mailbox,
        product=product,
        withdrawn=withdrawn,
        sale=sale,
        cancelled_sale=cancelled,
        open=first,
        answered=answered,
        replied=replied,
        resolved=resolved,
        reply=message["id"],
    )


async def is_mailed_links(shop: Shop, newcomer: Account) -> Account:
    """One of each: the newcomer's forgotten password and new address, and a customer invited.

    Where no mail can be sent they are refused, and there is nothing to look at.
    """
    forgotten = {"email": newcomer.email}
    await shop.http.post("/api/identity/password-links", json=forgotten)
    change = {"email": f"nouveau.{newcomer.email}", "current_password": newcomer.password}
    invited = shop.somebody("Élodie", "Marchand")
    names = ("first_name", "last_name", "email")
    body = {name: getattr(invited, name) for name in names}
    made = await shop.administrator.call("POST", "/api/identity/customers", body)
    if made.status_code != 201:
        return newcomer
    await newcomer.call("PUT", "/api/identity/me/email", change)
    invited.id = made.json()["id"]
    return invited
