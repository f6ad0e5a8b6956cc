"""What is kept for somebody whose session ended: theirs alone, and only for a day."""

import time
import uuid

from cryptography.fernet import Fernet

from web.shared import sealing
from web.shared.sealing import SealedForm, seal, unseal

SECRET = "a secret that is long enough for every form"
HERS = SealedForm(
    owner=uuid.uuid4(), action="/mes-demandes/1", values={"text": "Entre nous, « é »"}
)


def test_what_is_sealed_comes_back_and_says_nothing_on_its_way():
    sealed = seal(SECRET, HERS)
    assert unseal(SECRET, sealed) == HERS
    assert "Entre" not in sealed
    assert str(HERS.owner) not in sealed


def test_nothing_but_our_own_seal_is_opened():
    sealed = seal(SECRET, HERS)
    for odd in ("", "é", "x" * 100, sealed[:-4] + "AAAA"):
        assert unseal(SECRET, odd) is None
    assert unseal(SECRET + "!", sealed) is None


def test_after_a_day_it_is_gone():
    box = sealing.box(SECRET)
    assert isinstance(box, Fernet)
    content = box.decrypt(seal(SECRET, HERS))
    yesterday = int(time.time()) - sealing.OPENED_SECONDS - 60
    assert unseal(SECRET, box.encrypt_at_time(content, yesterday).decode()) is None
