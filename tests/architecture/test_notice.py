"""NOTICE names everything that is shipped."""

from local.launcher import assets
from local.workshop.generated import notice


def test_the_notice_is_up_to_date():
    assets.bring()  # what browsers get says its licence itself
    assert notice.NOTICE.read_text(encoding="utf-8") == notice.text(), "run `./guichet notice`"


def test_every_licence_has_its_name_in_spdx():
    for name, licence in notice.python_packages():
        assert "License" not in licence, f"{name}: {licence}"
