"""Numbers are recognised with what people put around them."""

import time

import pytest

from chassis.text.folding import fold
from contracts.numbers import request_number_in, sale_number_in, serial_numbers_in


@pytest.mark.parametrize(
    "text",
    [
        "1044",
        "1 044",
        "n° 1044",
        "N°1 044",
        "n°\u202f1044",
        "no. 1044",
        "#1044",
        "[1044]",
        "(1044)",
        "demande 1044",
        "Demande n° 1044",
        "demande d’assistance n° 1044",
        "numéro 1044",
        "\u202a1044\u202c",
        "Votre demande n°\u00a01044 a reçu une réponse",
        "Re: Votre demande n°\u00a01044 a reçu 2 réponses",
        "TR : Votre demande n° 1044 est résolue",
        "Demande n° 1044 : le client a écrit 3 messages",
        "Nouvelle demande n° 1044 : Écran Dell 27 pouces",
        "Your request no. 1044 has received a reply",
        "Request no. 1044: the customer has written",
        "bonjour, c'est pour la demande 1044 merci",
        "où en est ma demande [1044] ?",
    ],
)
def test_the_number_of_a_request(text):
    assert request_number_in(fold(text)) == 1044


@pytest.mark.parametrize(
    "text", ["", "écran 27", "V-2026-00073", "vente n° 12", "en 2026", "9" * 19, "i7-12700K", "n°"]
)
def test_what_is_no_number_of_a_request(text):
    assert request_number_in(fold(text)) is None


@pytest.mark.parametrize(
    "text",
    ["V-2026-00073", "v-2026-73", "V 2026 00073", "v202600073", "Vente n° V-2026-00073 du 3 mai"],
)
def test_the_number_of_a_sale(text):
    assert sale_number_in(fold(text)) == "V-2026-00073"
    assert request_number_in(fold(text)) is None
    assert serial_numbers_in(fold(text)) == []


UNIT = "ABC1EFGH2JKLMNO"


@pytest.mark.parametrize(
    "text",
    [
        UNIT,
        UNIT.lower(),
        "ABC1-EFGH-2JKL-MNO",
        "ABC1 EFGH 2JKL MNO",
        "ABC1\u200bEFGH2JKLMNO",
        f"S/N {UNIT}",
        f"S/N: {UNIT}",
        f"SN:{UNIT}",
        f"sn {UNIT}",
        f"N/S {UNIT}",
        f"n° de série : {UNIT}",
        f"Numéro de série {UNIT}",
        "numero de serie : ABC1-EFGH-2JKL-MNO",
        f"Serial number: {UNIT}",
        f"Mon écran, n° de série {UNIT}, ne marche plus",
    ],
)
def test_a_serial_number(text):
    assert UNIT in serial_numbers_in(fold(text))


def test_a_part_of_a_serial_number():
    assert serial_numbers_in(fold("efgh2j")) == ["EFGH2J"]
    assert serial_numbers_in(fold("SN4X8820193KQ7L")) == ["SN4X8820193KQ7L"]
    assert serial_numbers_in(fold("SN 4X8820193KQ7L")) == ["SN4X8820193KQ7L", "4X8820193KQ7L"]


@pytest.mark.parametrize("text", ["", "abc12", "imprimante", "une série de pannes", "1" * 16])
def test_what_is_no_serial_number(text):
    assert serial_numbers_in(fold(text)) == []


@pytest.mark.parametrize("signs", ["#", "#-", "# ", "(#", "n° "])
def test_many_signs_without_a_number_are_read_at_once(signs):
    began = time.process_time()
    for _ in range(10):
        request_number_in(fold(signs * 1_000)[:1_000])
    assert time.process_time() - began < 1
