"""docs/settings.md tells every setting, as the code reads it."""

from local import settings_page


def test_the_page_of_settings_is_up_to_date():
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page(), (
        "run `./guichet settings`"
    )


def test_every_setting_is_described():
    undescribed = [line for line in settings_page.page().splitlines() if line.endswith("|  |")]
    assert undescribed == []
