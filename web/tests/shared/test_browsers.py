"""A session is told by the browser that a person knows."""

import pytest

from web.shared.browser.browsers import browser_icon, browser_label

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0"
)
CHROME = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Mobile Safari/537.36"
)


@pytest.mark.parametrize(
    ("user_agent", "label", "icon"),
    [
        (FIREFOX, "Firefox sur Windows", "laptop"),
        (SAFARI, "Safari sur iPhone", "phone"),
        (EDGE, "Edge sur Windows", "laptop"),
        (CHROME, "Chrome sur Android", "phone"),
        ("curl/8.0", "Navigateur inconnu", "laptop"),
        ("", "Navigateur inconnu", "laptop"),
        ("<script>", "Navigateur inconnu", "laptop"),
    ],
)
def test_a_browser_is_named_as_people_name_it(user_agent, label, icon):
    assert browser_label(user_agent) == label
    assert browser_icon(user_agent) == icon
