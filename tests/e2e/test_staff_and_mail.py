"""Administrators look after the staff; the staff sees what became of mails."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import psycopg
import pytest
from playwright.async_api import expect

from e2e.people import Staff
from e2e.test_mail import number
from e2e.test_pages import finds_no_violation, is_for_everybody
from local.launcher.stack import Stack
from shop import Account, Shop
from waiting import eventually

__all__ = ["number"]  # the fixture


@pytest.fixture
async def administrator(windows, shop: Shop) -> Staff:
    return await windows.staff(await shop.hire("administrator", "Ada", "Gardienne"))


async def test_an_administrator_invites_somebody_who_then_answers(
    windows, shop, mailbox, administrator
):
    email = shop.somebody("Inès", "Nouvelle").email
    await administrator.goes_to("/comptoir")
    await administrator.follows("Personnel")
    await administrator.presses("Envoyer l’invitation")
    await administrator.sees_message_beside("Prénom", "Indiquez le prénom.")
    await administrator.fills("Prénom", "Inès")
    await administrator.fills("Nom", "Nouvelle")
    await administrator.fills("Adresse e-mail", email)
    await administrator.page.get_by_label("Rôle", exact=True).select_option("technician")
    await administrator.presses("Envoyer l’invitation")
    await administrator.sees_message("Invitation envoyée")
    line = administrator.page.get_by_role("row").filter(has_text=email)
    await expect(line).to_contain_text("Invitation envoyée")
    await finds_no_violation(administrator.page)

    newcomer = await windows.visitor()
    await newcomer.goes_to((await mailbox.to(email, "compte")).link)
    await newcomer.fills("Mot de passe", "sept nuages lents")
    await newcomer.presses("Enregistrer le mot de passe")
    await newcomer.sees_message("Bienvenue ! Mot de passe enregistré, votre session est ouverte.")
    await newcomer.reads_title("Demandes d’assistance")


async def test_a_disabled_colleague_is_out_until_enabled_again(windows, shop, administrator):
    colleague = await shop.hire("seller", "Prosper", "Absent")
    await colleague.session()
    await administrator.goes_to("/personnel")
    await administrator.presses("Désactiver Prosper Absent")
    question = administrator.page.get_by_role(
        "dialog", name="Désactiver le compte de Prosper Absent"
    )
    await expect(question).to_contain_text("Ses sessions sont fermées partout")
    await question.get_by_role("button", name="Désactiver", exact=True).click()
    await administrator.sees_message("Compte modifié.")
    assert (await colleague.exchange()).status_code == 401
    await administrator.presses("Réactiver Prosper Absent")
    await administrator.sees_message("Compte modifié.")
    them = await windows.staff(colleague, signed_in=False)
    await them.signs_in()


async def test_an_answer_says_whether_it_was_mailed_without_a_reload(
    mailbox, technician, customer_account: Account, number: int
):
    await technician.goes_to(f"/demandes/{number}")
    await technician.answers("Et maintenant ?", to=customer_account.name)
    await technician.page.evaluate("window.isTheSamePage = true")
    await mailbox.to(customer_account.email, f"{number}")
    await expect(technician.exchange.get_by_text("e-mail remis")).to_be_visible(timeout=30_000)
    assert await technician.page.evaluate("window.isTheSamePage")


@pytest.fixture
async def nothing_is_known_of_mail(stack: Stack) -> AsyncGenerator[Callable[[], Awaitable[None]]]:
    """What stops notifications; it is there again afterwards."""
    notifications = stack.services["notifications"]

    async def stop() -> None:
        await asyncio.to_thread(notifications.stop)

    yield stop
    notifications.start()
    await asyncio.to_thread(notifications.wait_for, notifications.is_ready, 60)
    await asyncio.to_thread(stack.gateway.wait_for, stack.routes_to_all, 60)


async def test_what_was_known_of_a_mail_stays_while_nobody_can_say(
    mailbox, technician, seller, customer_account: Account, number: int, nothing_is_known_of_mail
):
    await technician.account.post(f"/api/tickets/{number}/messages", {"text": "Et ceci ?"})
    await mailbox.to(customer_account.email, f"{number}")
    await technician.goes_to(f"/demandes/{number}")
    await expect(technician.exchange.get_by_text("e-mail remis")).to_be_visible(timeout=30_000)
    await nothing_is_known_of_mail()
    await seller.account.post(f"/api/tickets/{number}/notes", {"text": "Elle a rappelé."})
    await expect(technician.exchange.get_by_text("Elle a rappelé.")).to_be_visible(timeout=15_000)
    await expect(technician.exchange.get_by_text("e-mail remis")).to_be_visible()


async def test_what_a_mail_server_refused_is_shown_and_sent_again(
    stack, mailbox, technician, technician_account: Account, customer_account: Account, number: int
):
    """Refused for good, as its server would: here in the queue itself, the catcher refuses none."""
    await technician_account.post(f"/api/tickets/{number}/messages", {"text": "Essayez ceci."})
    await mailbox.to(customer_account.email, f"{number}")
    database = stack.server_url.rsplit("/", 1)[0] + "/notifications"
    with psycopg.connect(database, autocommit=True) as connection:

        async def is_refused_afterwards() -> None:
            changed = connection.execute(
                "UPDATE mails SET state = 'failed', attempts = 1, changed_at = now(),"
                " last_error = '550 no such user'"
                " WHERE person_id = %s AND kind = 'reply' AND state = 'sent'",
                [customer_account.id],
            )
            assert changed.rowcount == 1, "nobody has noted yet that it was sent"

        await eventually(is_refused_afterwards)
    await technician.goes_to(f"/demandes/{number}")
    await technician.exchange.get_by_role("link", name="e-mail non remis").click()
    lost = technician.page.get_by_role("listitem").filter(has_text=f"n° {number}")
    await expect(lost).to_contain_text("550 no such user")
    await is_for_everybody(technician.page)
    await lost.get_by_role("link", name="Corriger l’adresse").click()
    await technician.reads_title("Modifier")
    await technician.fills("Nom", "Rousseau-Petit")
    await technician.presses("Enregistrer les modifications")
    await technician.sees_message("Modifications enregistrées.")
    await technician.reads_title("E-mails non remis")
    await lost.get_by_role("button", name="Renvoyer").click()
    await technician.sees_message("E-mail remis dans la file")

    async def sent_again() -> None:
        mails = mailbox.all_to(customer_account.email)
        assert len([each for each in mails if f"{number}" in each.subject]) == 2

    await eventually(sent_again)


async def test_an_administrator_reads_the_mail_that_was_caught(
    mailbox, administrator, customer_account: Account
):
    await customer_account.http.post(
        "/api/identity/password-links", json={"email": customer_account.email}
    )
    await mailbox.to(customer_account.email, "mot de passe")
    await administrator.goes_to("/courrier")
    await administrator.reads("Envoyés en 24 h")
    await administrator.follows("Courrier (démo)")
    await (
        administrator.page.get_by_role("link").filter(has_text=customer_account.email).first.click()
    )
    await administrator.reads("Choisissez un nouveau mot de passe")
    framed = administrator.page.frame_locator("iframe")
    await expect(framed.get_by_role("heading", level=1)).to_contain_text("mot de passe")
    await administrator.page.get_by_role("link", name="/lien/").click()
    await administrator.reads_title("Nouveau mot de passe")
