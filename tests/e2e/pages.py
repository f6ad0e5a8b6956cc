"""Every page of Guichet, in every state worth looking at: for axe, for widths, for pictures."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

from e2e.people import Customer, Person, Staff
from e2e.scanner import read_as_french, scan
from e2e.scene import Scene
from e2e.windows import Theme, Windows
from shop import Account, begin_sale, serial_number

Prepare = Callable[[Any, Scene], Awaitable[None]]


async def nothing(_: Person, __: Scene) -> None:
    """The page shows what is to be seen as soon as it is there."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """One page as one person sees it; `{...}` in the address are the scene's."""

    who: str
    address: str
    prepare: Prepare = nothing
    begun: tuple[str, ...] = ()  # of the scene, in the sale that the seller has begun
    status: int = 200

    async def open(
        self, windows: Windows, scene: Scene, *, width: int = 1440, theme: Theme = "light"
    ) -> Page:
        account: Account | None = getattr(scene, self.who, None)
        page = await windows.open(account, width=width, theme=theme)
        if account is scene.seller:
            await begin_sale(account, **scene.ids_of(self.begun))
        answer = await page.goto(self.address.format(scene=scene))
        assert answer is not None
        assert answer.status == self.status
        person = {"customer": Customer, "newcomer": Customer, "visitor": Person}.get(
            self.who, Staff
        )(page, account)
        await self.prepare(person, scene)
        await at_rest(page)
        return page


async def at_rest(page: Page) -> None:
    """Its own letters are there and nothing moves or changes its colour any more."""
    await page.evaluate(
        """async () => {
            await document.fonts.ready;
            const ending = document.getAnimations().filter(
                (each) => each.effect.getComputedTiming().endTime !== Infinity);
            await Promise.allSettled(ending.map((each) => each.finished));
        }"""
    )


# --- States that somebody brings about ---------------------------------------------------------


async def signs_in_wrongly(visitor: Person, _: Scene) -> None:
    await visitor.fills("Adresse e-mail", "personne@example.org")
    await visitor.fills("Mot de passe", "au hasard, un mot")
    await visitor.presses("Se connecter")
    await visitor.is_warned("Adresse e-mail ou mot de passe incorrect.")


async def sends_an_empty_request(customer: Customer, _: Scene) -> None:
    await customer.presses("Envoyer la demande")
    await customer.is_told_beside("Le problème en une phrase", "Indiquez le problème")


async def is_asked_whether_resolved(person: Customer, _: Scene) -> None:
    await person.presses("Marquer comme résolue")
    await expect(person.page.get_by_role("dialog")).to_be_visible()


async def is_told_of_an_open_request(customer: Customer, scene: Scene) -> None:
    await customer.page.get_by_role("radio", name=scene.sale["serial_number"]).check()
    await customer.reads("est déjà ouverte pour cet appareil")


async def is_asked_to_sign_in_again(customer: Customer, scene: Scene) -> None:
    await customer.page.context.clear_cookies()
    await customer.fills(f"Votre réponse à {scene.technician.name}", "Depuis hier soir.")
    await customer.presses("Envoyer la réponse")
    await expect(customer.page.get_by_role("dialog", name="Votre session a expiré")).to_be_visible()


async def searches_everywhere(person: Person, _: Scene) -> None:
    await person.page.keyboard.press("Control+k")
    await person.page.get_by_role("combobox", name="N° de demande").fill("voyant rouge")
    found = person.page.get_by_role("listbox", name="Résultats").get_by_role("option")
    await expect(found.first).to_be_visible()


async def searches_on_a_page(person: Person, scene: Scene) -> None:
    await person.main.get_by_role("searchbox").fill(scene.sale["serial_number"])
    await person.presses("Rechercher")
    await expect(person.main.get_by_role("region", name="Par numéro")).to_be_visible()


async def is_asked_whether_to_resolve(person: Staff, _: Scene) -> None:
    await person.presses("Résoudre")
    await expect(person.page.get_by_role("dialog")).to_be_visible()


async def opens_the_filters(person: Staff, _: Scene) -> None:
    await person.page.locator("summary", has_text="Filtrer").click()
    await expect(person.page.get_by_label("Réponse de")).to_be_visible()


async def is_offered_quick_replies_for_a_note(person: Staff, _: Scene) -> None:
    await person.page.get_by_text("Note interne", exact=True).click()
    await person.presses("Réponses types")
    await expect(person.page.get_by_role("listbox", name="Réponses types")).to_be_visible()


async def has_missed_what_was_written(person: Staff, scene: Scene) -> None:
    """As if the reply had been begun before anything was said."""
    await person.page.get_by_text("Réponse", exact=True).click()
    await person.page.locator("[name=seen_position]").evaluate("field => field.value = 0")
    await person.fills(f"Votre réponse à {scene.customer.name}", "Essayez l’autre bac.")
    await person.presses("Répondre")
    await expect(person.page.get_by_role("button", name="Envoyer quand même")).to_be_visible()


async def types_a_short_password(person: Person, _: Scene) -> None:
    form = person.section("Mot de passe")
    await form.get_by_label("Mot de passe actuel", exact=True).fill("n’importe lequel")
    await form.get_by_label("Nouveau mot de passe", exact=True).fill("court")
    await form.get_by_role("button", name="Changer le mot de passe").click()
    await person.is_told_beside("Nouveau mot de passe", "encore 7 au moins")


async def sees_customers(seller: Staff, scene: Scene) -> None:
    await seller.searches_customer(scene.customer.email.partition("@")[0][:60])
    row = seller.page.get_by_role("listbox", name="Clients").get_by_role("option")
    await expect(row.first).to_contain_text(scene.customer.last_name)


async def creates_a_customer(seller: Staff, _: Scene) -> None:
    await seller.searches_customer("élodie marchand elodie@example.net")
    await seller.main.get_by_role("button", name="Créer ce client").click()
    await expect(seller.field("Prénom")).to_have_value("Élodie")


async def hands_the_keyboard_over(seller: Staff, scene: Scene) -> None:
    await creates_a_customer(seller, scene)
    await seller.fills("Adresse e-mail", "elodie.marchand@example.net")
    await seller.main.get_by_role("button", name="Passer le clavier").click()
    dialog = seller.page.get_by_role("dialog", name="À vous, Élodie")
    await dialog.get_by_label("Mot de passe", exact=True).press_sequentially("bobine-cactus")
    await expect(dialog).to_contain_text("c’est bon")


async def sees_products(seller: Staff, _: Scene) -> None:
    await seller.types_product("noctua nh-u12")
    await expect(seller.offered_products.first).to_be_visible()


async def sees_too_many_products(seller: Staff, _: Scene) -> None:
    await seller.types_product("noctua")
    await expect(seller.main).to_contain_text("Continuez à taper")


async def sees_no_product(seller: Staff, _: Scene) -> None:
    await seller.types_product("laserjt")
    await expect(seller.main).to_contain_text("Aucun produit ne correspond")


async def types_a_wrong_character(seller: Staff, _: Scene) -> None:
    await seller.types_serial_number("PHBQ74KéM910XTD")
    await seller.serial_field.press("Enter")
    await expect(seller.main).to_contain_text("n’est ni un chiffre ni une lettre")


async def types_a_short_serial_number(seller: Staff, _: Scene) -> None:
    await seller.types_serial_number("PHBQ74K2M91")
    await seller.serial_field.press("Enter")
    await expect(seller.main).to_contain_text("Il manque 4 caractères")


async def types_a_sold_serial_number(seller: Staff, scene: Scene) -> None:
    await seller.types_serial_number(scene.sale["serial_number"])
    await expect(seller.main).to_contain_text("Cet appareil est déjà vendu")


async def scans_with_another_keyboard(seller: Staff, _: Scene) -> None:
    await scan(seller.page, read_as_french(serial_number()[:14] + "7"))
    await expect(seller.main).to_contain_text("La douchette semble réglée")


async def creates_somebody_who_is_known(seller: Staff, scene: Scene) -> None:
    await creates_a_customer(seller, scene)
    await seller.fills("Adresse e-mail", scene.customer.email)
    await seller.field("Adresse e-mail").press("Enter")
    await expect(seller.page.get_by_role("button", name="Choisir ce client")).to_be_visible()


async def creates_somebody_with_a_slip(seller: Staff, scene: Scene) -> None:
    await creates_a_customer(seller, scene)
    await seller.fills("Adresse e-mail", "elodie@gmial.com")
    await seller.field("Adresse e-mail").press("Enter")
    await expect(seller.page.get_by_role("button", name="Corriger")).to_be_focused()


async def begins_another_sale(seller: Staff, scene: Scene) -> None:
    """The tab still shows the first."""
    await begin_sale(seller.account, customer_id=scene.newcomer.id)
    await seller.types_serial_number("PHBQ")
    await expect(seller.page.get_by_role("button", name="Garder celle-ci")).to_be_visible()


async def throws_the_sale_away(seller: Staff, _: Scene) -> None:
    await seller.presses("Vider")
    await expect(seller.page.get_by_role("button", name="Rétablir")).to_be_visible()


async def hands_the_keyboard_over_once_more(seller: Staff, scene: Scene) -> None:
    await seller.presses("Nouveau mot de passe")
    dialog = seller.page.get_by_role("dialog", name=f"À vous, {scene.customer.first_name}")
    await expect(dialog).to_be_visible()


async def has_all_that_it_takes(seller: Staff, _: Scene) -> None:
    await seller.types_serial_number(serial_number())
    await expect(seller.main).to_contain_text("Tout est prêt")


async def is_asked_to_confirm_the_withdrawn(seller: Staff, _: Scene) -> None:
    await expect(seller.main).to_contain_text("Ce produit n’est plus en vente.")


async def is_asked_why_to_cancel(seller: Staff, _: Scene) -> None:
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


async def is_asked_by_a_page_whether_resolved(customer: Customer, scene: Scene) -> None:
    action = f"/mes-demandes/{scene.answered}"
    await sends(customer, action, answer="resolve", text="Merci, tout va bien.", seen="1")
    await customer.reads_title("Résoudre une demande")


async def is_asked_by_a_page_whether_to_resolve(person: Staff, scene: Scene) -> None:
    fields = {"kind": "reply", "minutes": "5", "seen_position": "1", "answer": "resolve"}
    await sends(person, f"/demandes/{scene.open}", text="Le rouleau est changé.", **fields)
    await person.reads_title("Résoudre une demande")


async def is_asked_whether_to_close(person: Person, _: Scene) -> None:
    await person.presses("Fermer toutes les autres sessions")
    await expect(person.page.get_by_role("dialog")).to_be_visible()


async def is_asked_by_a_page_whether_to_close(person: Person, _: Scene) -> None:
    await sends(person, "/compte/sessions/fermeture", answer="")
    await person.reads_title("Sessions ouvertes")


async def is_asked_by_a_page_whether_to_disable(administrator: Staff, scene: Scene) -> None:
    await sends(administrator, f"/personnel/{scene.seller.id}/desactivation", answer="")
    await administrator.reads_title("Désactiver un compte")


async def sends_with_an_ended_session(customer: Customer, scene: Scene) -> None:
    await customer.page.context.clear_cookies()
    text = "Depuis hier soir.\n\nEt ce matin encore."
    await sends(customer, f"/mes-demandes/{scene.open}", answer="send", text=text)
    await customer.is_told("Votre session a expiré. Reconnectez-vous")


async def goes_on_with_what_was_kept(customer: Customer, scene: Scene) -> None:
    await sends_with_an_ended_session(customer, scene)
    await customer.fills("Adresse e-mail", customer.account.email)
    await customer.fills("Mot de passe", customer.account.password)
    await customer.presses("Se connecter")
    await customer.reads_title("Votre texte est conservé")


async def gets_back_what_cannot_be_sent(customer: Customer, scene: Scene) -> None:
    await sends(customer, f"/mes-demandes/{scene.open}", answer="send", text="Depuis hier soir.")
    await customer.reads_title("Votre texte est conservé")


async def sends_to_a_page_without_form(person: Person, _: Scene) -> None:
    await sends(person, "/mes-appareils")
    await expect(person.main.get_by_role("link", name="Aller à mes demandes")).to_be_visible()


async def sends_a_form_of_another_site(visitor: Person, _: Scene) -> None:
    """From a page that is nobody's."""
    action = str(visitor.page.url)
    await visitor.page.goto("data:text/html,<form method=post><input name=text></form>")
    await visitor.page.evaluate(
        "action => { document.forms[0].action = action; document.forms[0].submit(); }", action
    )
    await visitor.reads_title("Formulaire refusé")


CUSTOMER, ALL = ("customer",), ("customer", "product")


async def asks_for_a_link(visitor: Person, _: Scene) -> None:
    await visitor.fills("Adresse e-mail", "nathalie.rousseau@example.org")
    await visitor.presses("Recevoir un lien")
    await visitor.reads_title("Regardez vos e-mails")


def opens_the_link_of(name: str, about: str) -> Prepare:
    """The newest that was mailed to this one of the scene, with these words in its subject."""

    async def opens(visitor: Person, scene: Scene) -> None:
        if scene.mailbox is None:
            pytest.skip("nobody reads the mail of this Guichet")
        email = getattr(scene, name).email
        to = f"nouveau.{email}" if about == NEW_ADDRESS else email
        await visitor.goes_to((await scene.mailbox.to(to, about)).link)
        await expect(visitor.main.get_by_role("button").last).to_be_visible()

    return opens


async def sends_a_short_password(visitor: Person, scene: Scene) -> None:
    await opens_the_link_of("newcomer", FORGOTTEN)(visitor, scene)
    await visitor.fills("Nouveau mot de passe", "trop court")
    await visitor.presses("Enregistrer le mot de passe")
    await visitor.is_told_beside("Nouveau mot de passe", "encore 2 au moins")


async def opens_the_end_of_mails(visitor: Person, scene: Scene) -> None:
    if scene.mailbox is None:
        pytest.skip("nobody reads the mail of this Guichet")
    mail = await scene.mailbox.to(scene.customer.email, "réponse")
    link = mail.message["List-Unsubscribe"].strip("<>")
    await visitor.page.request.post(link, form={"wanted": "on"})  # whoever looked before
    await visitor.goes_to(link)
    await expect(visitor.page.get_by_role("button", name="Ne plus en recevoir")).to_be_visible()


async def ends_the_mails(visitor: Person, scene: Scene) -> None:
    await opens_the_end_of_mails(visitor, scene)
    await visitor.presses("Ne plus en recevoir")
    await visitor.is_told("Vous ne recevez plus d’e-mail")


async def sends_a_link_instead(seller: Staff, scene: Scene) -> None:
    email = f"elodie.{uuid4().hex[:8]}@example.net"
    await seller.searches_customer(f"élodie marchand {email}")
    await seller.main.get_by_role("button", name="Créer ce client").click()
    await seller.presses("Envoyer un lien au client")
    await seller.is_told("Un lien a été envoyé à")


async def sees_what_became_of_mails(technician: Staff, scene: Scene) -> None:
    said = technician.exchange.get_by_text("e-mail remis").first
    await technician.looks_again_until(
        technician.page.url, lambda: expect(said).to_be_visible(timeout=1_000)
    )


FORGOTTEN, INVITED, NEW_ADDRESS = "mot de passe", "Votre compte vous attend", "Confirmez"


async def invites_nobody(administrator: Staff, _: Scene) -> None:
    await administrator.presses("Envoyer l’invitation")
    await administrator.is_told_beside("Prénom", "Indiquez le prénom.")


async def is_asked_whether_to_disable(administrator: Staff, scene: Scene) -> None:
    line = administrator.page.get_by_role("row").filter(has_text=scene.seller.email)
    await line.get_by_role("button", name="Désactiver").click()
    await expect(administrator.page.get_by_role("dialog")).to_be_visible()


async def opens_a_caught_mail(administrator: Staff, scene: Scene) -> None:
    # A new one: of those of the scene, fifty newer mails of other tests leave none on the page.
    forgotten = {"email": scene.customer.email}
    await administrator.account.call("POST", "/api/identity/password-links", forgotten)
    mail = administrator.main.get_by_role("link").filter(has_text=scene.customer.email)
    await administrator.looks_again_until(
        "/courrier/demo", lambda: expect(mail).not_to_have_count(0, timeout=1_000)
    )
    await mail.first.click()
    framed = administrator.page.frame_locator("iframe")
    await expect(framed.get_by_role("heading", level=1)).to_be_visible()


LOOKS = {
    "sign-in": Look(who="visitor", address="/connexion"),
    "sign-in-refused": Look(who="visitor", address="/connexion", prepare=signs_in_wrongly),
    "sign-in-kept": Look(
        who="customer", address="/mes-demandes/{scene.open}", prepare=sends_with_an_ended_session
    ),
    "resume": Look(
        who="customer", address="/mes-demandes/{scene.open}", prepare=goes_on_with_what_was_kept
    ),
    "not-found": Look(who="visitor", address="/nulle-part", status=404),
    "no-form": Look(who="customer", address="/compte", prepare=sends_to_a_page_without_form),
    "foreign": Look(who="visitor", address="/connexion", prepare=sends_a_form_of_another_site),
    "forgotten-password": Look(who="visitor", address="/mot-de-passe-oublie"),
    "forgotten-password-asked": Look(
        who="visitor", address="/mot-de-passe-oublie", prepare=asks_for_a_link
    ),
    "link-over": Look(who="visitor", address="/lien/abc", status=404),
    "link-password": Look(
        who="visitor", address="/connexion", prepare=opens_the_link_of("newcomer", FORGOTTEN)
    ),
    "link-password-refused": Look(
        who="visitor", address="/connexion", prepare=sends_a_short_password
    ),
    "link-invitation": Look(
        who="visitor", address="/connexion", prepare=opens_the_link_of("invited", INVITED)
    ),
    "link-email": Look(
        who="visitor", address="/connexion", prepare=opens_the_link_of("newcomer", NEW_ADDRESS)
    ),
    "unsubscribe": Look(who="visitor", address="/connexion", prepare=opens_the_end_of_mails),
    "unsubscribed": Look(who="visitor", address="/connexion", prepare=ends_the_mails),
    "unsubscribe-unknown": Look(who="visitor", address="/desabonnement/abc", status=404),
    "my-notifications": Look(who="customer", address="/compte/notifications"),
    "staff-notifications": Look(who="technician", address="/compte/notifications"),
    # Customers
    "home": Look(who="customer", address="/mes-demandes"),
    "home-narrowed": Look(who="customer", address="/mes-demandes?q=voyant&statut=en-cours"),
    "home-none-found": Look(who="customer", address="/mes-demandes?q=zx81"),
    "home-empty": Look(who="newcomer", address="/mes-demandes"),
    "my-products": Look(who="customer", address="/mes-appareils"),
    "my-products-empty": Look(who="newcomer", address="/mes-appareils"),
    "new-request": Look(who="customer", address="/mes-demandes/nouvelle"),
    "new-request-refused": Look(
        who="customer", address="/mes-demandes/nouvelle", prepare=sends_an_empty_request
    ),
    "new-request-offered": Look(
        who="customer", address="/mes-demandes/nouvelle", prepare=is_told_of_an_open_request
    ),
    "new-request-follows": Look(
        who="customer", address="/mes-demandes/nouvelle?suite={scene.resolved}"
    ),
    "new-request-empty": Look(who="newcomer", address="/mes-demandes/nouvelle"),
    "request-open": Look(who="customer", address="/mes-demandes/{scene.open}"),
    "request-answered": Look(who="customer", address="/mes-demandes/{scene.answered}"),
    "request-resolve": Look(
        who="customer", address="/mes-demandes/{scene.answered}", prepare=is_asked_whether_resolved
    ),
    "request-resolve-page": Look(
        who="customer",
        address="/mes-demandes/{scene.answered}",
        prepare=is_asked_by_a_page_whether_resolved,
    ),
    "request-signed-out": Look(
        who="customer", address="/mes-demandes/{scene.answered}", prepare=is_asked_to_sign_in_again
    ),
    "request-resolved": Look(who="customer", address="/mes-demandes/{scene.resolved}"),
    "my-search": Look(who="customer", address="/mes-demandes", prepare=searches_everywhere),
    "my-search-page": Look(who="customer", address="/recherche", prepare=searches_on_a_page),
    "account": Look(who="customer", address="/compte"),
    "account-close": Look(who="customer", address="/compte", prepare=is_asked_whether_to_close),
    "account-close-page": Look(
        who="customer", address="/compte", prepare=is_asked_by_a_page_whether_to_close
    ),
    "account-pending": Look(who="newcomer", address="/compte"),
    "account-refused": Look(who="customer", address="/compte", prepare=types_a_short_password),
    "not-found-signed-in": Look(who="customer", address="/mes-demandes/99999999", status=404),
    "forbidden": Look(who="customer", address="/comptoir", status=403),
    # The desk
    "desk": Look(who="technician", address="/demandes"),
    "desk-open": Look(who="technician", address="/demandes/{scene.open}?vue=ouvertes"),
    "desk-replied": Look(who="technician", address="/demandes/{scene.replied}?vue=en-cours"),
    "desk-waiting": Look(who="technician", address="/demandes/{scene.answered}?vue=attente-client"),
    "desk-resolve": Look(
        who="technician",
        address="/demandes/{scene.open}?vue=ouvertes",
        prepare=is_asked_whether_to_resolve,
    ),
    "desk-resolve-page": Look(
        who="technician",
        address="/demandes/{scene.open}",
        prepare=is_asked_by_a_page_whether_to_resolve,
    ),
    "desk-resolved": Look(who="technician", address="/demandes/{scene.resolved}?vue=resolues"),
    "search": Look(who="technician", address="/demandes", prepare=searches_everywhere),
    "search-page": Look(who="technician", address="/recherche", prepare=searches_on_a_page),
    "desk-filters": Look(
        who="technician",
        address="/demandes?vue=en-cours&priorite=urgente&du=2026-01-02",
        prepare=opens_the_filters,
    ),
    "desk-quick": Look(
        who="technician",
        address="/demandes/{scene.replied}",
        prepare=is_offered_quick_replies_for_a_note,
    ),
    "desk-missed": Look(
        who="technician",
        address="/demandes/{scene.replied}",
        prepare=has_missed_what_was_written,
    ),
    "desk-time": Look(
        who="technician", address="/demandes/{scene.replied}/messages/{scene.reply}/temps"
    ),
    "desk-mailed": Look(
        who="technician",
        address="/demandes/{scene.answered}?vue=attente-client",
        prepare=sees_what_became_of_mails,
    ),
    "quick-replies": Look(who="technician", address="/demandes/reponses-types"),
    "staff-account": Look(who="technician", address="/compte"),
    # The counter
    "counter": Look(who="seller", address="/comptoir"),
    "counter-customers": Look(who="seller", address="/comptoir", prepare=sees_customers),
    "counter-new-customer": Look(who="seller", address="/comptoir", prepare=creates_a_customer),
    "counter-link-sent": Look(who="seller", address="/comptoir", prepare=sends_a_link_instead),
    "counter-handover": Look(who="seller", address="/comptoir", prepare=hands_the_keyboard_over),
    "counter-email-taken": Look(
        who="seller", address="/comptoir", prepare=creates_somebody_who_is_known
    ),
    "counter-email-slip": Look(
        who="seller", address="/comptoir", prepare=creates_somebody_with_a_slip
    ),
    "counter-products": Look(
        who="seller", address="/comptoir", begun=CUSTOMER, prepare=sees_products
    ),
    "counter-too-many": Look(
        who="seller", address="/comptoir", begun=CUSTOMER, prepare=sees_too_many_products
    ),
    "counter-no-product": Look(
        who="seller", address="/comptoir", begun=CUSTOMER, prepare=sees_no_product
    ),
    "counter-withdrawn": Look(
        who="seller",
        address="/comptoir",
        begun=("customer", "withdrawn"),
        prepare=is_asked_to_confirm_the_withdrawn,
    ),
    "counter-serial-character": Look(
        who="seller", address="/comptoir", begun=ALL, prepare=types_a_wrong_character
    ),
    "counter-serial-length": Look(
        who="seller", address="/comptoir", begun=ALL, prepare=types_a_short_serial_number
    ),
    "counter-serial-sold": Look(
        who="seller", address="/comptoir", begun=ALL, prepare=types_a_sold_serial_number
    ),
    "counter-serial-misread": Look(
        who="seller", address="/comptoir", begun=ALL, prepare=scans_with_another_keyboard
    ),
    "counter-another-draft": Look(
        who="seller", address="/comptoir", begun=ALL, prepare=begins_another_sale
    ),
    "counter-set-aside": Look(
        who="seller", address="/comptoir", begun=ALL, prepare=throws_the_sale_away
    ),
    "counter-ready": Look(
        who="seller", address="/comptoir", begun=ALL, prepare=has_all_that_it_takes
    ),
    "sale": Look(who="seller", address="/ventes/{scene.sale[id]}"),
    "sale-cancel": Look(
        who="seller", address="/ventes/{scene.sale[id]}", prepare=is_asked_why_to_cancel
    ),
    "sale-cancelled": Look(who="seller", address="/ventes/{scene.cancelled_sale[id]}"),
    "sales": Look(who="seller", address="/ventes"),
    # Customers, as staff sees them
    "customers": Look(who="seller", address="/clients"),
    "customer-file": Look(who="seller", address="/clients/{scene.customer.id}"),
    "customer-invited": Look(who="seller", address="/clients/{scene.invited.id}"),
    "customer-handover": Look(
        who="seller",
        address="/clients/{scene.customer.id}",
        prepare=hands_the_keyboard_over_once_more,
    ),
    "customer-edit": Look(who="seller", address="/clients/{scene.customer.id}/modifier"),
    # The staff, and the mail
    "staff": Look(who="administrator", address="/personnel"),
    "staff-refused": Look(who="administrator", address="/personnel", prepare=invites_nobody),
    "staff-disable": Look(
        who="administrator", address="/personnel", prepare=is_asked_whether_to_disable
    ),
    "staff-disable-page": Look(
        who="administrator", address="/personnel", prepare=is_asked_by_a_page_whether_to_disable
    ),
    "mails": Look(who="administrator", address="/courrier"),
    "caught": Look(who="administrator", address="/courrier/demo"),
    "caught-mail": Look(who="administrator", address="/courrier/demo", prepare=opens_a_caught_mail),
}

# While tickets is away.
LOOKS_OF_CLOSED = {
    "closed": Look(who="customer", address="/mes-demandes", status=503),
    "closed-for-staff": Look(who="technician", address="/demandes", status=503),
    "resume-closed": Look(who="customer", address="/compte", prepare=gets_back_what_cannot_be_sent),
}
