"""The sales of the day, and all of them by search."""

from playwright.async_api import expect

from shop import today


async def test_the_sales_of_the_day_are_listed_and_any_sale_is_found(
    clerk, shop, product, customer_account
):
    sale = await shop.sell(customer_account, product, seller=clerk.account)
    await clerk.goes_to("/ventes")
    row = clerk.page.get_by_role("row").filter(has_text=sale["serial_number"])
    await expect(row).to_contain_text(customer_account.name)
    search = clerk.page.get_by_role("searchbox")
    for text in (
        sale["serial_number"].lower(),
        customer_account.email,
        f"{product.reference} {customer_account.email}",
        sale["number"],
    ):
        await search.fill(text)
        async with clerk.page.expect_navigation():
            await search.press("Enter")
        await expect(clerk.page.get_by_role("heading", name="Ventes trouvées")).to_be_visible()
        await expect(search).to_have_value(text)
        await expect(row).to_contain_text(product.designation)
        assert text not in clerk.page.url
    await row.get_by_role("link", name=sale["number"]).press("Enter")

    await clerk.reads_title("Confirmation de vente")


async def test_a_sale_is_found_by_its_product_and_by_its_day(clerk, shop, customer_account):
    """One of nine years ago, so that no other is in the way."""
    rare = await shop.product("10AAM9901")
    year = today().year - 9
    sale = await shop.sell(customer_account, rare, seller=clerk.account, sold_on=f"{year}-03-03")
    await clerk.goes_to("/ventes")
    search = clerk.page.get_by_role("searchbox")
    row = clerk.page.get_by_role("row").filter(has_text=sale["serial_number"])
    for text in (rare.reference, ""):
        await search.fill(text)
        await clerk.fills("Vendu depuis le", f"{year}-03-01")
        await clerk.fills("Jusqu’au", f"{year}-03-31")
        async with clerk.page.expect_navigation():
            await search.press("Enter")
        await expect(row).to_contain_text(f"3 mars {year}")
    await clerk.fills("Vendu depuis le", f"{year}-03-04")
    async with clerk.page.expect_navigation():
        await search.press("Enter")

    await clerk.sees_message("Aucune vente ne correspond.")


async def test_a_search_of_sales_says_what_is_wrong_with_it(clerk):
    await clerk.goes_to("/ventes")
    search = clerk.page.get_by_role("searchbox")
    for text, until, words in (
        ("zz", "", "Encore une lettre."),
        ("zzyyxx", "", "Aucune vente ne correspond."),
        ("", "1999-12-31", "Aucune vente ne correspond."),
    ):
        await search.fill(text)
        await clerk.fills("Jusqu’au", until)
        async with clerk.page.expect_navigation():
            await search.press("Enter")
        await clerk.reads(words)
