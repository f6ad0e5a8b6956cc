"""People at their browsers: what they do, by the words that they read on the screen."""

import re
from collections.abc import Awaitable, Callable

from playwright.async_api import Locator, Page, expect

from caught_mails import Mailbox
from shop import Account, Product, begin_sale
from waiting import eventually

OPEN, IN_PROGRESS, RESOLVED = "Ouverte", "En cours de traitement", "Résolue"
WAITING = "En attente du client"
YOUR_TURN = "En attente de votre réponse"


def spoken(words: str) -> re.Pattern[str]:
    """These words somewhere, whichever of its blanks may not break."""
    return re.compile(r"\s".join(map(re.escape, words.split(" "))))


class Person:
    """Whoever looks at a page; `account` is nobody's before they have one."""

    def __init__(self, page: Page, account: Account | None) -> None:
        self.page = page
        self._account = account

    @property
    def account(self) -> Account:
        assert self._account is not None
        return self._account

    async def goes_to(self, address: str) -> None:
        await self.page.goto(address)

    async def has_the_whole_page(self) -> None:
        """With its scripts, which did not hear of what was done before; once it has begun to come."""
        await self.page.wait_for_load_state()

    async def follows(self, link: str, *, exact: bool = True) -> None:
        await self.has_the_whole_page()
        await self.page.get_by_role("link", name=link, exact=exact).first.click()

    async def presses(self, button: str) -> None:
        await self.has_the_whole_page()
        await self.page.get_by_role("button", name=button, exact=True).click()

    async def fills(self, label: str, text: str) -> None:
        await self.has_the_whole_page()
        await self.field(label).fill(text)

    def field(self, label: str) -> Locator:
        return self.page.get_by_label(label, exact=True)

    async def sees_message(self, words: str) -> None:
        """One of the messages by which the page says what just happened."""
        await expect(self.page.get_by_role("status").filter(has_text=words).first).to_be_visible()
        await self.has_the_whole_page()

    async def is_warned(self, words: str) -> None:
        await expect(self.page.get_by_role("alert").filter(has_text=words).first).to_be_visible()
        await self.has_the_whole_page()

    async def sees_message_beside(self, label: str, words: str) -> None:
        """The message that belongs to a field, by sight and for assistive technology."""
        field = self.field(label)
        await expect(field).to_have_attribute("aria-invalid", "true")
        await expect(field).to_have_accessible_description(spoken(words))

    async def finds_unsent(self, text: str) -> None:
        """What was typed too late is not lost, but nobody else has it."""
        field = self.field("Votre texte, qui n’est pas envoyé")
        await expect(field).to_have_value(text)
        await expect(field).not_to_be_editable()

    async def reads(self, words: str) -> None:
        await expect(self.main.get_by_text(words).first).to_be_visible()
        await self.has_the_whole_page()

    async def reads_nothing_of(self, words: str) -> None:
        await expect(self.main).to_be_visible()
        await expect(self.page.get_by_text(words)).to_have_count(0)

    async def reads_title(self, words: str) -> None:
        await expect(self.page.get_by_role("heading", level=1, name=words)).to_be_visible()
        await self.has_the_whole_page()

    async def sees_draft_saved(self) -> None:
        """The page says so, and nothing of what stands in its forms is in this tab alone."""
        await expect(self.main.get_by_text("Brouillon enregistré")).to_be_visible()
        await self.page.wait_for_function(
            """() => [...document.querySelectorAll("form[data-autosave]")].every(
                (form) => sessionStorage.getItem(`guichet-draft/${form.dataset.draft}`) === null)"""
        )

    async def hears(self, place: str) -> Callable[[], Awaitable[list[str]]]:
        """What a screen reader would say of this place from now on, also what goes away again."""
        await self.page.evaluate(
            """(place) => {
                const [heard, part] = [[], document.querySelector(place)];
                new MutationObserver(() => heard.push(part.textContent.trim())).observe(
                    part, { childList: true, characterData: true, subtree: true });
                (window.heard ??= {})[place] = heard;
            }""",
            place,
        )
        return lambda: self.page.evaluate("place => window.heard[place].filter(Boolean)", place)

    @property
    def main(self) -> Locator:
        return self.page.get_by_role("main")

    @property
    def open_fields(self) -> Locator:
        """Where somebody could type something."""
        return self.main.get_by_role("textbox").and_(self.page.locator(":not([readonly])"))

    async def looks_again_until(self, address: str, seen: Callable[[], Awaitable[None]]) -> None:
        """Reloads the page until it shows what a service has yet to hear."""

        async def state() -> None:
            await self.goes_to(address)
            await seen()

        await eventually(state)

    # --- Signing in ---------------------------------------------------------------------------

    async def signs_in(self, *, email: str = "", password: str = "") -> None:
        await self.tries_to_sign_in(email=email, password=password)
        await expect(self.page).not_to_have_url(re.compile("/connexion"))

    async def tries_to_sign_in(self, *, email: str = "", password: str = "") -> None:
        await self.goes_to("/connexion")
        await self.fills("Adresse e-mail", email or self.account.email)
        await self.fills("Mot de passe", password or self.account.password)
        await self.presses("Se connecter")

    async def signs_in_over_the_page(self, account: Account, *, password: str = "") -> None:
        """Asked where the session has ended; what lies below stays."""
        dialog = self.page.get_by_role("dialog", name="Votre session a expiré")
        await expect(dialog).to_contain_text("votre texte est conservé")
        await dialog.get_by_label("Adresse e-mail", exact=True).fill(account.email)
        await dialog.get_by_label("Mot de passe", exact=True).fill(password or account.password)
        await dialog.get_by_role("button", name="Se connecter").click()

    async def signs_out(self) -> None:
        await self.goes_to("/compte")
        await self.main.get_by_role("button", name="Se déconnecter").click()
        await self.sees_message("Vous êtes déconnecté.")

    # --- My account ---------------------------------------------------------------------------

    async def changes_password(self, new: str) -> None:
        await self.goes_to("/compte")
        form = self.section("Mot de passe")
        await form.get_by_label("Mot de passe actuel", exact=True).fill(self.account.password)
        await form.get_by_label("Nouveau mot de passe", exact=True).fill(new)
        await form.get_by_role("button", name="Changer le mot de passe").click()
        await self.sees_message("Mot de passe changé.")
        self.account.password = new

    def section(self, title: str) -> Locator:
        return self.page.get_by_role("region", name=title, exact=True)


class Customer(Person):
    """Somebody who bought something and needs help."""

    async def signs_in(self, *, email: str = "", password: str = "") -> None:
        await super().signs_in(email=email, password=password)
        await expect(self.page).to_have_url(re.compile("/mes-demandes$"))

    async def sees_among_their_products(self, product: Product, serial_number: str) -> None:
        """Also the first time, when tickets has yet to hear of the sale."""

        async def seen() -> None:
            line = self.main.get_by_role("listitem").filter(has_text=serial_number)
            assert await line.count() == 1, f"{serial_number} is not among them"
            await expect(line).to_contain_text(product.designation)

        await self.looks_again_until("/mes-appareils", seen)

    async def opens_request(self, product: Product, subject: str, description: str) -> int:
        """Returns the number by which people call it."""
        await self.begins_request(product)
        await self.fills("Le problème en une phrase", subject)
        await self.fills("Que se passe-t-il ?", description)
        await self.presses("Envoyer la demande")
        await self.reads_title(subject)
        number = int(self.page.url.rpartition("/")[2])
        await self.sees_message(f"Demande n° {number} envoyée.")
        return number

    async def begins_request(self, product: Product) -> None:
        await self.goes_to("/mes-demandes/nouvelle")
        await self.page.get_by_role("radio", name=product.designation).first.check()

    async def opens(self, number: int) -> None:
        await self.goes_to(f"/mes-demandes/{number}")

    async def sees_status(self, status: str) -> None:
        """Of the request that is open now."""
        tag = self.main.get_by_text(status, exact=True)
        await expect(tag.first).to_be_visible()

    async def finds_under(self, heading: str, subject: str) -> None:
        """On the home page, in the part with this title."""
        await self.goes_to("/mes-demandes")
        part = self.page.get_by_role("region", name=heading)
        await expect(part.get_by_role("link").filter(has_text=subject)).to_be_visible()

    async def opens_from_home(self, subject: str) -> None:
        await self.goes_to("/mes-demandes")
        await self.main.get_by_role("link").filter(has_text=subject).click()
        await self.reads_title(subject)

    async def replies(self, text: str, *, to: str) -> None:
        await self.fills(f"Votre réponse à {to}", text)
        await self.presses("Envoyer la réponse")
        await self.sees_message("Réponse envoyée")

    async def adds_precision(self, text: str) -> None:
        await self.fills("Ajouter une précision", text)
        await self.presses("Envoyer la précision")
        await self.reads_message("Vous", text)

    async def reads_message(self, author: str, text: str) -> None:
        message = self.main.get_by_role("article", name=f"Message de {author}", exact=True)
        await expect(message.filter(has_text=text)).to_have_count(1)

    async def resolves(self) -> None:
        """Asked once again, in a dialog."""
        await self.presses("Marquer comme résolue")
        dialog = self.page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Une demande résolue ne se rouvre pas")
        await dialog.get_by_role("button", name="Marquer comme résolue").click()
        await self.sees_message("résolue")

    async def can_say_nothing_more(self) -> None:
        await self.sees_status(RESOLVED)
        await expect(self.main.get_by_text("Cette demande est résolue").first).to_be_visible()
        await expect(self.open_fields).to_have_count(0)
        await expect(self.main.get_by_role("button")).to_have_count(0)

    async def changes_email(self, new: str) -> None:
        await self.goes_to("/compte")
        form = self.section("Adresse e-mail")
        await form.get_by_label("Nouvelle adresse e-mail", exact=True).fill(new)
        await form.get_by_label("Mot de passe actuel", exact=True).fill(self.account.password)
        await form.get_by_role("button", name="Changer l’adresse").click()
        await self.sees_message("Un lien de confirmation est envoyé à votre nouvelle adresse.")
        await expect(form).to_contain_text(f"En attente de confirmation : {new}")

    async def confirms_email(self, mailbox: Mailbox, new: str) -> None:
        await self.goes_to((await mailbox.to(new, "Confirmez")).link)
        await self.presses("Confirmer cette adresse")
        await self.sees_message("Adresse e-mail confirmée.")
        await expect(self.section("Adresse e-mail")).to_contain_text(new)
        self.account.email = new


class Staff(Person):
    """A seller, a technician or an administrator: each may stand at the counter and the desk."""

    # --- The counter --------------------------------------------------------------------------

    @property
    def customer_box(self) -> Locator:
        return self.page.get_by_role("combobox", name="Rechercher un client")

    @property
    def product_box(self) -> Locator:
        return self.page.get_by_role("combobox", name="Rechercher un produit")

    @property
    def offered_products(self) -> Locator:
        return self.page.get_by_role("listbox", name="Produits").get_by_role("option")

    @property
    def serial_field(self) -> Locator:
        return self.page.get_by_role("textbox", name="Numéro de série")

    @property
    def date_field(self) -> Locator:
        return self.page.get_by_role("textbox", name="Date de vente")

    async def goes_to_counter(self) -> None:
        """With nothing begun, whatever this seller did before."""
        await begin_sale(self.account)
        await self.goes_to("/comptoir")
        await self.reads_title("Nouvelle vente")
        await expect(self.customer_box).to_be_focused()

    async def goes_on_with_sale(self, customer: Account, product: Product) -> None:
        """Both were chosen before: only the unit is missing."""
        await begin_sale(self.account, customer_id=customer.id, product_id=product.id)
        await self.goes_to("/comptoir")
        await expect(self.serial_field).to_be_focused()

    async def searches_customer(self, text: str) -> None:
        await self.customer_box.press_sequentially(text)

    async def chooses_customer(self, customer: Account) -> None:
        await self.searches_customer(customer.email)
        row = self.page.get_by_role("listbox", name="Clients").get_by_role("option")
        await expect(row).to_contain_text([customer.email])
        await self.customer_box.press("Enter")
        await expect(self.product_box).to_be_focused()

    async def creates_customer(self, customer: Account) -> None:
        """Up to the moment when the customer takes the keyboard."""
        await self.main.get_by_role("button", name="Créer ce client").click()
        await self.fills("Prénom", customer.first_name)
        await self.fills("Nom", customer.last_name)
        await self.fills("Adresse e-mail", customer.email)
        await self.main.get_by_role("button", name="Passer le clavier").click()

    async def lets_type_password(self, customer: Account) -> None:
        """The customer's own moment, on the screen that shows nothing of the seller's."""
        dialog = self.page.get_by_role("dialog", name=f"À vous, {customer.first_name}")
        await expect(dialog).to_contain_text(customer.email)
        first = dialog.get_by_label("Mot de passe", exact=True)
        await expect(first).to_be_focused()
        await first.press_sequentially(customer.password)
        await expect(dialog).to_contain_text("c’est bon")
        await first.press("Tab")
        await dialog.get_by_label("Le même, une seconde fois").fill(customer.password)
        await dialog.get_by_role("button", name="C’est fait, je rends le clavier").click()
        await expect(dialog).to_be_hidden()

    async def types_product(self, text: str) -> None:
        await self.product_box.press_sequentially(text)

    async def types_serial_number(self, text: str) -> None:
        await self.serial_field.press_sequentially(text)

    async def records_sale(self) -> None:
        await self.page.keyboard.press("Control+Enter")
        await self.reads_title("Confirmation de vente")
        await self.sees_message("Vente enregistrée.")

    async def sells(self, customer: Account, product: Product, serial_number: str) -> None:
        """The whole of it, by the keyboard, to a customer whom the shop knows."""
        await self.goes_to_counter()
        await self.chooses_customer(customer)
        await self.types_product(product.reference)
        await expect(self.offered_products.first).to_contain_text(product.designation)
        await self.product_box.press("Enter")
        await expect(self.serial_field).to_be_focused()
        await self.types_serial_number(serial_number)
        await self.records_sale()

    # --- The desk -----------------------------------------------------------------------------

    async def goes_to_queue(self, name: str) -> None:
        await self.goes_to("/demandes")
        async with self.page.expect_navigation():  # also to the queue that is shown already
            await self.page.get_by_role("navigation", name="Files").get_by_text(name).click()
        queue = self.page.get_by_role("navigation", name="Files").get_by_role("link", name=name)
        await expect(queue).to_have_attribute("aria-current", "true")

    @property
    def queue(self) -> Locator:
        return self.page.get_by_role("region", name="File des demandes")

    def line(self, number: int) -> Locator:
        """Of the queue's page that is shown."""
        return self.queue.get_by_role("link").filter(has_text=f"n° {number}")

    async def finds_in_queue(self, number: int) -> bool:
        """On its first page with the newest first: where whatever just happened to one puts it."""
        if not await self.line(number).count():
            await self.goes_to(f"{self.page.url}&tri=recentes")
        return bool(await self.line(number).count())

    async def opens(self, number: int) -> None:
        """From the queue that is shown."""
        assert await self.finds_in_queue(number), f"n° {number} is not in this queue"
        await self.line(number).click()
        await expect(self.exchange).to_be_visible()
        await expect(self.page).to_have_url(re.compile(f"/demandes/{number}"))

    async def has_opened(self, number: int) -> None:
        """It is open in the address, the title and the queue."""
        await expect(self.page).to_have_url(re.compile(rf"/demandes/{number}\?"))
        await expect(self.page).to_have_title(re.compile(rf"Demande n°.{number} "))
        await expect(self.line(number)).to_have_attribute("aria-current", "true")
        await expect(self.page.locator("#thread")).to_contain_text(f"{number}")

    @property
    def exchange(self) -> Locator:
        return self.page.get_by_role("region", name="Échange")

    async def answers(self, text: str, *, to: str) -> None:
        await self.page.get_by_role("textbox", name=f"Votre réponse à {to}").fill(text)
        await self.presses("Répondre")
        await self.sees_message(f"Réponse envoyée à {to}.")

    async def reads_message(self, author: str, text: str) -> None:
        message = self.exchange.get_by_role("article", name=f"Message de {author}", exact=True)
        await expect(message.filter(has_text=text)).to_have_count(1)

    async def sees_status(self, status: str) -> None:
        """Of the request that is open: others are listed beside it."""
        await expect(
            self.page.locator("#thread-state").get_by_text(status, exact=True)
        ).to_be_visible()

    async def resolves(self, number: int) -> None:
        await self.presses("Résoudre")
        dialog = self.page.get_by_role("dialog", name=f"Résoudre la demande n° {number} ?")
        await expect(dialog).to_contain_text("Une demande résolue ne se rouvre pas")
        await dialog.get_by_role("button", name="Résoudre", exact=True).click()
        await self.sees_message(f"Demande n° {number} résolue.")

    async def can_say_nothing_more(self) -> None:
        await self.sees_status(RESOLVED)
        await expect(self.open_fields).to_have_count(0)
        for verb in ("Répondre", "Résoudre", "Répondre et résoudre"):
            await expect(self.main.get_by_role("button", name=verb, exact=True)).to_have_count(0)
