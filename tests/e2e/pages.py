"""Every page of Guichet, in every state worth looking at: for axe, for widths, for pictures."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

from e2e.dataset import Dataset
from e2e.people import Customer, Person, Staff
from e2e.scanner import read_as_french, scan
from e2e.windows import Theme, Windows
from shop import Account, begin_sale, serial_number

DIALOG = "dialog[open]"  # what lies below waits for it
Prepare = Callable[[Any, Dataset], Awaitable[None]]


async def nothing(_: Person, __: Dataset) -> None:
    """The page shows what is to be seen as soon as it is there."""


@dataclass(frozen=True, kw_only=True)
class PageState:
    """One page as one person sees it; `{...}` in the address are the dataset's."""

    who: str
    address: str
    prepare: Prepare = nothing
    begun: tuple[str, ...] = ()  # of the dataset, in the sale that the seller has begun
    status: int = 200

    async def open(
        self, windows: Windows, dataset: Dataset, *, width: int = 1440, theme: Theme = "light"
    ) -> Page:
        account: Account | None = getattr(dataset, self.who, None)
        page = await windows.open(account, width=width, theme=theme)
        if account is dataset.seller:
            await begin_sale(account, **dataset.ids_of(self.begun))
        answer = await page.goto(self.address.format(dataset=dataset))
        assert answer is not None
        assert answer.status == self.status
        person = {"customer": Customer, "newcomer": Customer, "visitor": Person}.get(
            self.who, Staff
        )(page, account)
        await self.prepare(person, dataset)
        await at_rest(page)
        return page


async def at_rest(page: Page) -> None:
    """Its own letters are there, and nothing is asked for, moves or changes its colour any more."""
    await expect(
        page.locator(f":is(body:not(:has({DIALOG})), {DIALOG}) [aria-busy=true]")
    ).to_have_count(0)
    await page.evaluate(
        """async () => {
            await document.fonts.ready;
            const ending = document.getAnimations().filter(
                (each) => each.effect.getComputedTiming().endTime !== Infinity);
            await Promise.allSettled(ending.map((each) => each.finished));
        }"""
    )


# --- States that somebody brings about ---------------------------------------------------------


async def signs_in_wrongly(visitor: Person, _: Dataset) -> None:
    await visitor.fills("Adresse e-mail", "personne@example.org")
    await visitor.fills("Mot de passe", "au hasard, un mot")
    await visitor.presses("Se connecter")
    await visitor.is_warned("Adresse e-mail ou mot de passe incorrect.")


async def sends_an_empty_request(customer: Customer, _: Dataset) -> None:
    await customer.presses("Envoyer la demande")
    await customer.sees_message_beside("Le problème en une phrase", "Indiquez le problème")


async def is_asked_whether_resolved(person: Customer, _: Dataset) -> None:
    await person.presses("Marquer comme résolue")
    await expect(person.page.get_by_role("dialog")).to_be_visible()


async def sees_an_open_request(customer: Customer, dataset: Dataset) -> None:
    await customer.page.get_by_role("radio", name=dataset.sale["serial_number"]).check()
    await customer.reads("est déjà ouverte pour cet appareil")


async def is_asked_to_sign_in_again(customer: Customer, dataset: Dataset) -> None:
    await customer.page.context.clear_cookies()
    await customer.fills(f"Votre réponse à {dataset.technician.name}", "Depuis hier soir.")
    await customer.presses("Envoyer la réponse")
    await expect(customer.page.get_by_role("dialog", name="Votre session a expiré")).to_be_visible()


async def searches_everywhere(person: Person, _: Dataset) -> None:
    await person.page.keyboard.press("Control+k")
    await person.page.get_by_role("combobox", name="N° de demande").fill("voyant rouge")
    found = person.page.get_by_role("listbox", name="Résultats").get_by_role("option")
    await expect(found.first).to_be_visible()


async def searches_on_a_page(person: Person, dataset: Dataset) -> None:
    await person.main.get_by_role("searchbox").fill(dataset.sale["serial_number"])
    await person.presses("Rechercher")
    await expect(person.main.get_by_role("region", name="Par numéro")).to_be_visible()


def narrows_to(text: str) -> Prepare:
    async def narrows(customer: Person, _: Dataset) -> None:
        await customer.fills("Chercher dans vos demandes", text)
        await customer.page.wait_for_url("**/mes-demandes?r=*")

    return narrows


async def is_asked_whether_to_resolve(person: Staff, _: Dataset) -> None:
    await person.presses("Résoudre")
    await expect(person.page.get_by_role("dialog")).to_be_visible()


async def opens_the_filters(person: Staff, _: Dataset) -> None:
    await person.page.locator("summary", has_text="Filtrer").click()
    await expect(person.page.get_by_label("Réponse de")).to_be_visible()


async def opens_the_legend(person: Staff, _: Dataset) -> None:
    await person.page.locator(".pop--legend > summary").click()
    await expect(person.page.get_by_role("region", name="Légende")).to_be_visible()


async def is_offered_quick_replies_for_a_note(person: Staff, _: Dataset) -> None:
    await person.page.get_by_text("Note interne", exact=True).click()
    await person.presses("Réponses types")
    await expect(person.page.get_by_role("listbox", name="Réponses types")).to_be_visible()


async def has_missed_what_was_written(person: Staff, dataset: Dataset) -> None:
    """As if the reply had been begun before anything was said."""
    await person.page.get_by_text("Réponse", exact=True).click()
    await person.page.locator("[name=seen_position]").evaluate("field => field.value = 0")
    await person.fills(f"Votre réponse à {dataset.customer.name}", "Essayez l’autre bac.")
    await person.presses("Répondre")
    await expect(person.page.get_by_role("button", name="Envoyer quand même")).to_be_visible()


async def types_a_short_password(person: Person, _: Dataset) -> None:
    form = person.section("Mot de passe")
    await form.get_by_label("Mot de passe actuel", exact=True).fill("n’importe lequel")
    await form.get_by_label("Nouveau mot de passe", exact=True).fill("court")
    await form.get_by_role("button", name="Changer le mot de passe").click()
    await person.sees_message_beside("Nouveau mot de passe", "encore 7 au moins")


async def sees_customers(seller: Staff, dataset: Dataset) -> None:
    await seller.searches_customer(dataset.customer.email.partition("@")[0][:60])
    row = seller.page.get_by_role("listbox", name="Clients").get_by_role("option")
    await expect(row.first).to_contain_text(dataset.customer.last_name)


async def creates_a_customer(seller: Staff, _: Dataset) -> None:
    await seller.searches_customer("élodie marchand elodie@example.net")
    await seller.main.get_by_role("button", name="Créer ce client").click()
    await expect(seller.field("Prénom")).to_have_value("Élodie")


async def hands_the_keyboard_over(seller: Staff, dataset: Dataset) -> None:
    await creates_a_customer(seller, dataset)
    await seller.fills("Adresse e-mail", "elodie.marchand@example.net")
    await seller.main.get_by_role("button", name="Passer le clavier").click()
    dialog = seller.page.get_by_role("dialog", name="À vous, Élodie")
    await dialog.get_by_label("Mot de passe", exact=True).press_sequentially("bobine-cactus")
    await expect(dialog).to_contain_text("c’est bon")


async def sees_products(seller: Staff, _: Dataset) -> None:
    await seller.types_product("noctua nh-u12")
    await expect(seller.offered_products.first).to_be_visible()


async def sees_too_many_products(seller: Staff, _: Dataset) -> None:
    await seller.types_product("noctua")
    await expect(seller.main).to_contain_text("Continuez à taper")


async def sees_no_product(seller: Staff, _: Dataset) -> None:
    await seller.types_product("laserjt")
    await expect(seller.main).to_contain_text("Aucun produit ne correspond")


async def types_a_wrong_character(seller: Staff, _: Dataset) -> None:
    await seller.types_serial_number("PHBQ74KéM910XTD")
    await seller.serial_field.press("Enter")
    await expect(seller.main).to_contain_text("n’est ni un chiffre ni une lettre")


async def types_a_short_serial_number(seller: Staff, _: Dataset) -> None:
    await seller.types_serial_number("PHBQ74K2M91")
    await seller.serial_field.press("Enter")
    await expect(seller.main).to_contain_text("Il manque 4 caractères")


async def types_a_sold_serial_number(seller: Staff, dataset: Dataset) -> None:
    await seller.types_serial_number(dataset.sale["serial_number"])
    await expect(seller.main).to_contain_text("Cet appareil est déjà vendu")


async def scans_with_another_keyboard(seller: Staff, _: Dataset) -> None:
    await scan(seller.page, read_as_french(serial_number()[:14] + "7"))
    await expect(seller.main).to_contain_text("La douchette semble réglée")


async def creates_somebody_who_is_known(seller: Staff, dataset: Dataset) -> None:
    await creates_a_customer(seller, dataset)
    await seller.fills("Adresse e-mail", dataset.customer.email)
    await seller.field("Adresse e-mail").press("Enter")
    await expect(seller.page.get_by_role("button", name="Choisir ce client")).to_be_visible()


async def creates_somebody_with_a_slip(seller: Staff, dataset: Dataset) -> None:
    await creates_a_customer(seller, dataset)
    await seller.fills("Adresse e-mail", "elodie@gmial.com")
    await seller.field("Adresse e-mail").press("Enter")
    await expect(seller.page.get_by_role("button", name="Corriger")).to_be_focused()


async def begins_another_sale(seller: Staff, dataset: Dataset) -> None:
    """The tab still shows the first."""
    await begin_sale(seller.account, customer_id=dataset.newcomer.id)
    await seller.types_serial_number("PHBQ")
    await expect(seller.page.get_by_role("button", name="Garder celle-ci")).to_be_visible()


async def throws_the_sale_away(seller: Staff, _: Dataset) -> None:
    await seller.presses("Vider")
    await expect(seller.page.get_by_role("button", name="Rétablir")).to_be_visible()


async def hands_the_keyboard_over_once_more(seller: Staff, dataset: Dataset) -> None:
    await seller.presses("Nouveau mot de passe")
    dialog = seller.page.get_by_role("dialog", name=f"À vous, {dataset.customer.first_name}")
    await expect(dialog).to_be_visible()


async def has_all_that_it_takes(seller: Staff, _: Dataset) -> None:
    await seller.types_serial_number(serial_number())
    await expect(seller.main).to_contain_text("Tout est prêt")


async def is_asked_to_confirm_the_withdrawn(seller: Staff, _: Dataset) -> None:
    await expect(seller.main).to_contain_text("Ce produit n’est plus en vente.")


async def is_asked_why_to_cancel(seller: Staff, _: Dataset) -> None:
    await seller.presses("Annuler cette vente")
    await expect(seller.page.get_by_role("dialog")).to_be_visible()


async def sends(person: Person, action: str, **fields: str) -> None:
    """A form of this page's person, sent as where no script runs."""
    await person.page.evaluate(
        """([action, fields]) => {
            const token = document.querySelector("[name=form_token]").value;
            const form = document.createElement("form");
            form.method = "post";
            form.action = action;
            for (const [name, value] of Object.entries({ form_token: token, ...fields })) {
                const field = document.createElement("textarea");
                Object.assign(field, { name, value });
                form.append(field);
            }
            document.body.append(form);
            form.submit();
        }""",
        [action, fields],
    )


async def is_asked_by_a_page_whether_resolved(customer: Customer, dataset: Dataset) -> None:
    action = f"/mes-demandes/{dataset.answered}"
    await sends(customer, action, answer="resolve", text="Merci, tout va bien.", seen="1")
    await customer.reads_title("Résoudre une demande")


async def is_asked_by_a_page_whether_to_resolve(person: Staff, dataset: Dataset) -> None:
    fields = {"kind": "reply", "minutes": "5", "seen_position": "1", "answer": "resolve"}
    await sends(person, f"/demandes/{dataset.open}", text="Le rouleau est changé.", **fields)
    await person.reads_title("Résoudre une demande")


async def is_asked_whether_to_close(person: Person, _: Dataset) -> None:
    await person.account.elsewhere().session()
    await person.page.reload()
    await person.presses("Fermer toutes les autres sessions")
    await expect(person.page.get_by_role("dialog")).to_be_visible()


async def is_asked_by_a_page_whether_to_close(person: Person, _: Dataset) -> None:
    await sends(person, "/compte/sessions/fermeture", answer="")
    await person.reads_title("Sessions ouvertes")


async def is_asked_by_a_page_whether_to_disable(administrator: Staff, dataset: Dataset) -> None:
    await sends(administrator, f"/personnel/{dataset.seller.id}/desactivation", answer="")
    await administrator.reads_title("Désactiver un compte")


async def sends_with_an_ended_session(customer: Customer, dataset: Dataset) -> None:
    await customer.page.context.clear_cookies()
    text = "Depuis hier soir.\n\nEt ce matin encore."
    await sends(customer, f"/mes-demandes/{dataset.open}", answer="send", text=text)
    await customer.sees_message("Votre session a expiré. Reconnectez-vous")


async def goes_on_with_what_was_kept(customer: Customer, dataset: Dataset) -> None:
    await sends_with_an_ended_session(customer, dataset)
    await customer.fills("Adresse e-mail", customer.account.email)
    await customer.fills("Mot de passe", customer.account.password)
    await customer.presses("Se connecter")
    await customer.reads_title("Votre texte est conservé")


async def gets_back_what_cannot_be_sent(customer: Customer, dataset: Dataset) -> None:
    await sends(customer, f"/mes-demandes/{dataset.open}", answer="send", text="Depuis hier soir.")
    await customer.reads_title("Votre texte est conservé")


async def sends_to_a_page_without_form(person: Person, _: Dataset) -> None:
    await sends(person, "/mes-appareils")
    await expect(person.main.get_by_role("link", name="Aller à mes demandes")).to_be_visible()


async def sends_a_form_of_another_site(visitor: Person, _: Dataset) -> None:
    """From a page that is nobody's."""
    action = str(visitor.page.url)
    await visitor.page.goto("data:text/html,<form method=post><input name=text></form>")
    await visitor.page.evaluate(
        "action => { document.forms[0].action = action; document.forms[0].submit(); }", action
    )
    await visitor.reads_title("Formulaire refusé")


CUSTOMER, ALL = ("customer",), ("customer", "product")


async def asks_for_a_link(visitor: Person, _: Dataset) -> None:
    await visitor.fills("Adresse e-mail", "nathalie.rousseau@example.org")
    await visitor.presses("Recevoir un lien")
    await visitor.reads_title("Regardez vos e-mails")


def opens_the_link_of(name: str, about: str) -> Prepare:
    """The newest that was mailed to this one of the dataset, with these words in its subject."""

    async def opens(visitor: Person, dataset: Dataset) -> None:
        if dataset.mailbox is None:
            pytest.skip("nobody reads the mail of this Guichet")
        email = getattr(dataset, name).email
        to = f"nouveau.{email}" if about == NEW_ADDRESS else email
        await visitor.goes_to((await dataset.mailbox.to(to, about)).link)
        await expect(visitor.main.get_by_role("button").last).to_be_visible()

    return opens


async def sends_a_short_password(visitor: Person, dataset: Dataset) -> None:
    await opens_the_link_of("newcomer", FORGOTTEN)(visitor, dataset)
    await visitor.fills("Nouveau mot de passe", "trop court")
    await visitor.presses("Enregistrer le mot de passe")
    await visitor.sees_message_beside("Nouveau mot de passe", "encore 2 au moins")


async def opens_the_end_of_mails(visitor: Person, dataset: Dataset) -> None:
    if dataset.mailbox is None:
        pytest.skip("nobody reads the mail of this Guichet")
    mail = await dataset.mailbox.to(dataset.customer.email, "réponse")
    link = mail.message["List-Unsubscribe"].strip("<>")
    await visitor.page.request.post(link, form={"wanted": "on"})  # whoever looked before
    await visitor.goes_to(link)
    await expect(visitor.page.get_by_role("button", name="Ne plus en recevoir")).to_be_visible()


async def ends_the_mails(visitor: Person, dataset: Dataset) -> None:
    await opens_the_end_of_mails(visitor, dataset)
    await visitor.presses("Ne plus en recevoir")
    await visitor.sees_message("Vous ne recevez plus d’e-mail")


async def sends_a_link_instead(seller: Staff, dataset: Dataset) -> None:
    email = f"elodie.{uuid4().hex[:8]}@example.net"
    await seller.searches_customer(f"élodie marchand {email}")
    await seller.main.get_by_role("button", name="Créer ce client").click()
    await seller.presses("Envoyer un lien au client")
    await seller.sees_message("Un lien a été envoyé à")


async def sees_what_became_of_mails(technician: Staff, dataset: Dataset) -> None:
    message = technician.exchange.get_by_text("e-mail remis").first
    await technician.looks_again_until(
        technician.page.url, lambda: expect(message).to_be_visible(timeout=1_000)
    )


FORGOTTEN, INVITED, NEW_ADDRESS = "mot de passe", "Votre compte vous attend", "Confirmez"


async def invites_nobody(administrator: Staff, _: Dataset) -> None:
    await administrator.presses("Envoyer l’invitation")
    await administrator.sees_message_beside("Prénom", "Indiquez le prénom.")


async def is_asked_whether_to_disable(administrator: Staff, dataset: Dataset) -> None:
    line = administrator.page.get_by_role("row").filter(has_text=dataset.seller.email)
    await line.get_by_role("button", name="Désactiver").click()
    await expect(administrator.page.get_by_role("dialog")).to_be_visible()


async def opens_a_caught_mail(administrator: Staff, dataset: Dataset) -> None:
    # A new one: of those of the dataset, fifty newer mails of other tests leave none on the page.
    forgotten = {"email": dataset.customer.email}
    await administrator.account.call("POST", "/api/identity/password-links", forgotten)
    mail = administrator.main.get_by_role("link").filter(has_text=dataset.customer.email)
    await administrator.looks_again_until(
        "/courrier/demo", lambda: expect(mail).not_to_have_count(0, timeout=1_000)
    )
    await mail.first.click()
    framed = administrator.page.frame_locator("iframe")
    await expect(framed.get_by_role("heading", level=1)).to_be_visible()


PAGE_STATES = {
    "sign-in": PageState(who="visitor", address="/connexion"),
    "sign-in-refused": PageState(who="visitor", address="/connexion", prepare=signs_in_wrongly),
    "sign-in-kept": PageState(
        who="customer", address="/mes-demandes/{dataset.open}", prepare=sends_with_an_ended_session
    ),
    "resume": PageState(
        who="customer", address="/mes-demandes/{dataset.open}", prepare=goes_on_with_what_was_kept
    ),
    "accessibility": PageState(who="visitor", address="/accessibilite"),
    "not-found": PageState(who="visitor", address="/nulle-part", status=404),
    "no-form": PageState(who="customer", address="/compte", prepare=sends_to_a_page_without_form),
    "foreign": PageState(who="visitor", address="/connexion", prepare=sends_a_form_of_another_site),
    "forgotten-password": PageState(who="visitor", address="/mot-de-passe-oublie"),
    "forgotten-password-asked": PageState(
        who="visitor", address="/mot-de-passe-oublie", prepare=asks_for_a_link
    ),
    "link-over": PageState(who="visitor", address="/lien/abc", status=404),
    "link-password": PageState(
        who="visitor", address="/connexion", prepare=opens_the_link_of("newcomer", FORGOTTEN)
    ),
    "link-password-refused": PageState(
        who="visitor", address="/connexion", prepare=sends_a_short_password
    ),
    "link-invitation": PageState(
        who="visitor", address="/connexion", prepare=opens_the_link_of("invited", INVITED)
    ),
    "link-email": PageState(
        who="visitor", address="/connexion", prepare=opens_the_link_of("newcomer", NEW_ADDRESS)
    ),
    "unsubscribe": PageState(who="visitor", address="/connexion", prepare=opens_the_end_of_mails),
    "unsubscribed": PageState(who="visitor", address="/connexion", prepare=ends_the_mails),
    "unsubscribe-unknown": PageState(who="visitor", address="/desabonnement/abc", status=404),
    "my-notifications": PageState(who="customer", address="/compte/notifications"),
    "staff-notifications": PageState(who="technician", address="/compte/notifications"),
    # Customers
    "home": PageState(who="customer", address="/mes-demandes"),
    "home-narrowed": PageState(
        who="customer", address="/mes-demandes?statut=en-cours", prepare=narrows_to("voyant")
    ),
    "home-none-found": PageState(
        who="customer", address="/mes-demandes", prepare=narrows_to("zx81")
    ),
    "home-empty": PageState(who="newcomer", address="/mes-demandes"),
    "my-products": PageState(who="customer", address="/mes-appareils"),
    "my-products-empty": PageState(who="newcomer", address="/mes-appareils"),
    "new-request": PageState(who="customer", address="/mes-demandes/nouvelle"),
    "new-request-refused": PageState(
        who="customer", address="/mes-demandes/nouvelle", prepare=sends_an_empty_request
    ),
    "new-request-offered": PageState(
        who="customer", address="/mes-demandes/nouvelle", prepare=sees_an_open_request
    ),
    "new-request-follows": PageState(
        who="customer", address="/mes-demandes/nouvelle?suite={dataset.resolved}"
    ),
    "new-request-empty": PageState(who="newcomer", address="/mes-demandes/nouvelle"),
    "request-open": PageState(who="customer", address="/mes-demandes/{dataset.open}"),
    "request-answered": PageState(who="customer", address="/mes-demandes/{dataset.answered}"),
    "request-resolve": PageState(
        who="customer",
        address="/mes-demandes/{dataset.answered}",
        prepare=is_asked_whether_resolved,
    ),
    "request-resolve-page": PageState(
        who="customer",
        address="/mes-demandes/{dataset.answered}",
        prepare=is_asked_by_a_page_whether_resolved,
    ),
    "request-signed-out": PageState(
        who="customer",
        address="/mes-demandes/{dataset.answered}",
        prepare=is_asked_to_sign_in_again,
    ),
    "request-resolved": PageState(who="customer", address="/mes-demandes/{dataset.resolved}"),
    "my-search": PageState(who="customer", address="/mes-demandes", prepare=searches_everywhere),
    "my-search-page": PageState(who="customer", address="/recherche", prepare=searches_on_a_page),
    "account": PageState(who="customer", address="/compte"),
    "account-close": PageState(
        who="customer", address="/compte", prepare=is_asked_whether_to_close
    ),
    "account-close-page": PageState(
        who="customer", address="/compte", prepare=is_asked_by_a_page_whether_to_close
    ),
    "account-pending": PageState(who="newcomer", address="/compte"),
    "account-refused": PageState(who="customer", address="/compte", prepare=types_a_short_password),
    "not-found-signed-in": PageState(who="customer", address="/mes-demandes/99999999", status=404),
    "forbidden": PageState(who="customer", address="/comptoir", status=403),
    # The desk
    "desk": PageState(who="technician", address="/demandes"),
    "desk-open": PageState(who="technician", address="/demandes/{dataset.open}?vue=ouvertes"),
    "desk-replied": PageState(who="technician", address="/demandes/{dataset.replied}?vue=en-cours"),
    "desk-legend": PageState(
        who="technician", address="/demandes?vue=attente-client", prepare=opens_the_legend
    ),
    "desk-resolve": PageState(
        who="technician",
        address="/demandes/{dataset.open}?vue=ouvertes",
        prepare=is_asked_whether_to_resolve,
    ),
    "desk-resolve-page": PageState(
        who="technician",
        address="/demandes/{dataset.open}",
        prepare=is_asked_by_a_page_whether_to_resolve,
    ),
    "desk-resolved": PageState(
        who="technician", address="/demandes/{dataset.resolved}?vue=resolues"
    ),
    "search": PageState(who="technician", address="/demandes", prepare=searches_everywhere),
    "search-page": PageState(who="technician", address="/recherche", prepare=searches_on_a_page),
    "desk-filters": PageState(
        who="technician",
        address="/demandes?vue=en-cours&priorite=urgente&du=2026-01-02",
        prepare=opens_the_filters,
    ),
    "desk-quick": PageState(
        who="technician",
        address="/demandes/{dataset.replied}",
        prepare=is_offered_quick_replies_for_a_note,
    ),
    "desk-missed": PageState(
        who="technician",
        address="/demandes/{dataset.replied}",
        prepare=has_missed_what_was_written,
    ),
    "desk-time": PageState(
        who="technician", address="/demandes/{dataset.replied}/messages/{dataset.reply}/temps"
    ),
    "desk-mailed": PageState(
        who="technician",
        address="/demandes/{dataset.answered}?vue=attente-client",
        prepare=sees_what_became_of_mails,
    ),
    "quick-replies": PageState(who="technician", address="/demandes/reponses-types"),
    "staff-account": PageState(who="technician", address="/compte"),
    # The counter
    "counter": PageState(who="seller", address="/comptoir"),
    "counter-customers": PageState(who="seller", address="/comptoir", prepare=sees_customers),
    "counter-new-customer": PageState(
        who="seller", address="/comptoir", prepare=creates_a_customer
    ),
    "counter-link-sent": PageState(who="seller", address="/comptoir", prepare=sends_a_link_instead),
    "counter-handover": PageState(
        who="seller", address="/comptoir", prepare=hands_the_keyboard_over
    ),
    "counter-email-taken": PageState(
        who="seller", address="/comptoir", prepare=creates_somebody_who_is_known
    ),
    "counter-email-slip": PageState(
        who="seller", address="/comptoir", prepare=creates_somebody_with_a_slip
    ),
    "counter-products": PageState(
        who="seller", address="/comptoir", begun=CUSTOMER, prepare=sees_products
    ),
    "counter-too-many": PageState(
        who="seller", address="/comptoir", begun=CUSTOMER, prepare=sees_too_many_products
    ),
    "counter-no-product": PageState(
        who="seller", address="/comptoir", begun=CUSTOMER, prepare=sees_no_product
    ),
    "counter-withdrawn": PageState(
        who="seller",
        address="/comptoir",
        begun=("customer", "withdrawn"),
        prepare=is_asked_to_confirm_the_withdrawn,
    ),
    "counter-serial-character": PageState(
        who="seller", address="/comptoir", begun=ALL, prepare=types_a_wrong_character
    ),
    "counter-serial-length": PageState(
        who="seller", address="/comptoir", begun=ALL, prepare=types_a_short_serial_number
    ),
    "counter-serial-sold": PageState(
        who="seller", address="/comptoir", begun=ALL, prepare=types_a_sold_serial_number
    ),
    "counter-serial-misread": PageState(
        who="seller", address="/comptoir", begun=ALL, prepare=scans_with_another_keyboard
    ),
    "counter-another-draft": PageState(
        who="seller", address="/comptoir", begun=ALL, prepare=begins_another_sale
    ),
    "counter-set-aside": PageState(
        who="seller", address="/comptoir", begun=ALL, prepare=throws_the_sale_away
    ),
    "counter-ready": PageState(
        who="seller", address="/comptoir", begun=ALL, prepare=has_all_that_it_takes
    ),
    "sale": PageState(who="seller", address="/ventes/{dataset.sale[id]}"),
    "sale-cancel": PageState(
        who="seller", address="/ventes/{dataset.sale[id]}", prepare=is_asked_why_to_cancel
    ),
    "sale-cancelled": PageState(who="seller", address="/ventes/{dataset.cancelled_sale[id]}"),
    "sales": PageState(who="seller", address="/ventes"),
    # Customers, as staff sees them
    "customers": PageState(who="seller", address="/clients"),
    "customer-file": PageState(who="seller", address="/clients/{dataset.customer.id}"),
    "customer-invited": PageState(who="seller", address="/clients/{dataset.invited.id}"),
    "customer-handover": PageState(
        who="seller",
        address="/clients/{dataset.customer.id}",
        prepare=hands_the_keyboard_over_once_more,
    ),
    "customer-edit": PageState(who="seller", address="/clients/{dataset.customer.id}/modifier"),
    # The staff, and the mail
    "staff": PageState(who="administrator", address="/personnel"),
    "staff-refused": PageState(who="administrator", address="/personnel", prepare=invites_nobody),
    "staff-disable": PageState(
        who="administrator", address="/personnel", prepare=is_asked_whether_to_disable
    ),
    "staff-disable-page": PageState(
        who="administrator", address="/personnel", prepare=is_asked_by_a_page_whether_to_disable
    ),
    "mails": PageState(who="administrator", address="/courrier"),
    "caught": PageState(who="administrator", address="/courrier/demo"),
    "caught-mail": PageState(
        who="administrator", address="/courrier/demo", prepare=opens_a_caught_mail
    ),
}

# While tickets is away.
CLOSED_STATES = {
    "closed": PageState(who="customer", address="/mes-demandes", status=503),
    "closed-for-staff": PageState(who="technician", address="/demandes", status=503),
    "resume-closed": PageState(
        who="customer", address="/compte", prepare=gets_back_what_cannot_be_sent
    ),
}
