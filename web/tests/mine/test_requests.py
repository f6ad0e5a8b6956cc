"""A customer's list: its address holds what it is narrowed to, and nothing that is empty."""

from web.mine.tickets import Narrowed, narrowed


def test_the_address_names_what_narrows_and_the_page():
    assert Narrowed("", "", "").address() == "/mes-demandes"
    to = Narrowed("écran & clé", "ouvertes", "")
    assert to.address() == "/mes-demandes?q=%C3%A9cran+%26+cl%C3%A9&statut=ouvertes"
    assert to.address("a=b").endswith("&apres=a%3Db")


async def test_a_status_that_nobody_knows_narrows_nothing():
    assert await narrowed(" x ", "fermees", "") == Narrowed("x", "", "")
    assert not (await narrowed("  ", "", "")).is_narrow
