"""No-break spaces where French typography has them, and nowhere else."""

import pytest

from chassis.text.typography import typeset


@pytest.mark.parametrize(
    ("written", "typeset_as"),
    [
        ("Quoi ? Non !", "Quoi_? Non_!"),
        ("Lieu : ici ; là", "Lieu_: ici_; là"),
        ("« Oui », dit-elle (« non »).", "«_Oui_», dit-elle («_non_»)."),
        ("La demande n° 12", "La demande n°_12"),
        ("Depuis 2 h 30 et 45 min", "Depuis 2_h_30 et 45_min"),
        ("Dans 3 heures, 20 %", "Dans 3_heures, 20_%"),
        ("Dans 1 heure 5", "Dans 1_heure 5"),
        ("Attendre 2 j puis 5 Mo", "Attendre 2_j puis 5_Mo"),
        ("a :b et http://x ?y", "a :b et http://x ?y"),
        ("fin ?\nSuite", "fin_?\nSuite"),
        (
            "%(hours)s h %(minutes)s, n° %(n)s : %(a)s %(b)s",
            "%(hours)s_h_%(minutes)s, n°_%(n)s_: %(a)s %(b)s",
        ),
    ],
)
def test_a_text_is_set_as_french_is(written, typeset_as):
    assert typeset(written) == typeset_as.replace("_", "\u00a0")
