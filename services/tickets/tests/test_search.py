"""The one search box, as staff and as customers see it."""

import json
import time
import unicodedata
from itertools import permutations
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text as sql

from chassis.http import paging
from chassis.text.cases import FOUND
from contracts.identity.events import CustomerChanged
from contracts.sales.events import SoldProduct
from tickets.operations.rewording import reword_some
from tickets.queries.searching import search as queries
from tickets.queries.searching.segments import START, STOP, excerpt, segments
from tickets.queries.words import typed

SERIAL_NUMBER = "SN4X8820193KQ7L"
SCREEN = SoldProduct(id=uuid4(), reference="U2723-QE", designation="Écran Dell UltraSharp 27")
MOUSE = SoldProduct(id=uuid4(), reference="910-006559", designation="Souris Logitech MX Master 3S")


def numbers(found):
    return [each["ticket"]["number"] for each in found]


async def found_by(desk, who, text):
    return numbers((await desk.search(who, text))["found"])


def plain(pieces):
    return "".join(piece["text"] for piece in pieces)


def marked(pieces):
    return [piece["text"] for piece in pieces if piece["match"]]


# --- Words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "imprimante bourrage",
        "imprimantes bourrages",
        "BOURRAGE récurrents",
        "recurrent PAPIER",
        "arrêter",
        "arretee",
        "noel",
        "NOËL",
        "l’imprimante",
        "l'imprimante",
        "13.B2.D1",
        "b2 13",
        "usb",
        "USB-C",
        "œuvre",
        "oeuvre",
        "de l’imprimante à papier",
        "papi",
        "papier bour",
        "imprim",
    ],
)
async def test_words_are_found_whatever_their_accents_case_order_and_ending(
    desk, nathalie, karim, text
):
    number = await desk.opened(
        nathalie,
        subject="Bourrage papier récurrent",
        description="L’imprimante s’arrête à Noël (code 13.B2.D1), port USB-C. Hors d’œuvre.",
    )
    screen = await desk.sell(nathalie, product=SCREEN)
    await desk.opened(nathalie, sale=screen, subject="Autre chose", description="Rien à voir.")
    assert await found_by(desk, karim, text) == [number]
    assert await found_by(desk, nathalie, text) == [number]


@pytest.mark.parametrize(
    "text",
    ["imprimante cafetière", "bourrage !voir", "zzz", "de la", "à", "!?", "", "   ", "'", "\\"],
)
async def test_texts_without_a_match_find_nothing(desk, nathalie, karim, text):
    await desk.opened(nathalie, subject="Bourrage", description="L’imprimante.")
    for who in (karim, nathalie):
        assert await desk.search(who, text) == {"exact": [], "found": [], "next": None}


async def test_the_order_of_words_does_not_matter(desk, nathalie, karim):
    number = await desk.opened(nathalie, subject="Écran noir", description="Après la veille.")
    for words in permutations(["écran", "noir", "veille"]):
        assert await found_by(desk, karim, " ".join(words)) == [number]


async def test_every_message_is_searched_together_with_the_subject(desk, nathalie, karim):
    number = await desk.opened(nathalie, subject="Écran noir", description="Depuis lundi.")
    await desk.say(karim, number, "Débranchez la station.")
    [found] = (await desk.search(karim, "écran station"))["found"]
    assert found["ticket"]["number"] == number
    assert found["message"]["author_name"] == "Karim Benali"


async def test_a_request_is_found_once_by_its_newest_message(desk, nathalie, karim):
    first = await desk.opened(nathalie, description="Le rouleau grince.")
    second = await desk.opened(nathalie, description="Rouleau usé.")
    await desk.say(karim, first, "Nettoyez le rouleau.")
    results = await desk.search(karim, "rouleau")
    assert numbers(results["found"]) == [first, second]
    assert plain(results["found"][0]["message"]["excerpt"]) == "Nettoyez le rouleau."


async def test_resolved_requests_are_found_too(desk, nathalie, karim):
    number = await desk.opened(nathalie, description="Le rouleau grince.")
    await desk.resolve(nathalie, number)
    assert await found_by(desk, karim, "rouleau") == [number]
    assert await found_by(desk, nathalie, "rouleau") == [number]


async def test_a_hostile_text_finds_nothing_and_breaks_nothing(desk, nathalie, karim):
    number = await desk.opened(nathalie, description="Le rouleau grince.")
    for text in (
        "rouleau' | 'x",
        "rouleau & grince",
        "rouleau:*",
        "(rouleau)",
        "<b>rouleau</b>",
        "rouleau -- ; DROP TABLE messages",
        "%_rouleau",
        "\u202erouleau",
        "rouleau 👩‍🔧",
        "rou\u0308leau",
    ):
        answer = await desk.send(karim, "POST", "/search", {"text": text})
        assert answer.status_code == 200, answer.text
        assert numbers(answer.json()["found"]) in ([], [number])
    assert await found_by(desk, karim, "rouleau") == [number]


async def test_words_of_no_meaning_are_searched_where_there_are_no_others(
    desk, nathalie, marc, karim
):
    silent = await desk.opened(nathalie, subject="Pas de son", description="Le casque ne va pas.")
    other = await desk.opened(nathalie, description="Le clavier.")
    await desk.opened(marc, description="Le clavier de Marc.")
    for who in (karim, nathalie):
        for text in ("Pas de son", "son", "SON pas", "ne va pas", "ne pas", "so"):
            found = [] if text == "so" else [silent]
            assert await found_by(desk, who, text) == found, text
            if who is nathalie:
                assert await desk.numbers(who, "/mine", q=text) == found, text
        assert await found_by(desk, who, "le clavier de la") == (
            [other] if who is nathalie else [other + 1, other]
        )


# Of what people write, unlike of names and products, whole words are found, and beginnings of the
# last one typed; across a blank, words of letters alone are not joined (decision 16).
NOT_IN_MESSAGES = {"b1234", "b12-34", "legoff"}
# (as it is written, as it is typed)
SEPARATED = [
    *[("B-12-34", typed) for typed in ("b1234", "b12-34", "b-1234", "B 12 34", "b/12.34")],
    *[("B12-34", typed) for typed in ("b1234", "b12", "b-12-34")],
    *[("l’e.mail/fax", typed) for typed in ("email", "e-mail", "e'mail", "mailfax")],
    ("NFA12X25PWM", "nf-a12-x25-pwm"),
    ("nf-a12-x25-pwm", "NFA12X25PWM"),
]


async def test_a_separator_inside_a_word_never_decides(desk, nathalie, karim):
    """By the cases of all searches, whoever searches; where it matched is marked."""
    cases = FOUND + SEPARATED
    opened = {
        written: await desk.opened(nathalie, description=f"Voici : {written} !")
        for written in dict.fromkeys(written for written, _ in cases)
    }
    lost = {
        (case, who.name)
        for case in cases
        for who in (karim, nathalie)
        if opened[case[0]] not in await found_by(desk, who, case[1])
    }
    assert lost == {
        (case, who.name)
        for case in FOUND
        for who in (karim, nathalie)
        if case[1] in NOT_IN_MESSAGES
    }
    for text, shown in (
        ("wifi", ["Wi-Fi"]),
        ("i712700k", ["i7-12700K"]),
        ("wi-fi", ["WiFi"]),
        ("serietrois", ["Série\u200bTrois"]),
    ):
        results = (await desk.search(karim, text, limit=25))["found"]
        marks = [marked(each["message"]["excerpt"]) for each in results]
        assert shown in marks, (text, marks)


async def test_a_request_is_found_by_what_it_is_about_and_who_takes_part(
    desk, nathalie, marc, karim, julien
):
    """Several criteria at once; a message that was there before an answer is found with it."""
    mouse = await desk.sell(nathalie, product=MOUSE, serial_number="SN4X8820193KQ7M")
    number = await desk.opened(nathalie, sale=mouse, subject="Panne", description="Elle dort.")
    await desk.opened(nathalie, subject="Panne", description="Elle dort.")
    await desk.opened(
        marc, sale=await desk.sell(marc, product=MOUSE), subject="Panne", description="Rien."
    )
    await desk.say(karim, number, "Changez la pile.")
    last_name = nathalie.name.split()[-1]
    for text in (
        f"{last_name} souris",
        f"logitech {last_name}",
        "910-006559 dort",
        "910006559 dort",
        "mxmaster dort",
        "mx-master 3s pile",
        "benali souris",
        "karim dort",
        "KARIM BENALI logitech dort",
    ):
        assert await found_by(desk, karim, text) == [number], text
    assert await found_by(desk, nathalie, "souris benali dort") == [number]
    assert await found_by(desk, karim, f"souris {julien.name}") == []


async def test_a_new_name_finds_old_messages_too(desk, nathalie, karim):
    number = await desk.opened(nathalie, subject="Panne", description="Elle grince.")
    old = nathalie.name.split()[-1]
    await desk.receive(
        CustomerChanged(
            customer_id=nathalie.id,
            version=2,
            enabled=True,
            first_name="Nathalie",
            last_name="Le Goff",
            email="nathalie@example.org",
            registered_at="2026-01-01T00:00:00Z",
        )
    )
    for text in ("le goff grince", "legoff grince", "grince le-goff"):
        assert await found_by(desk, karim, text) == [number]
    later = await desk.opened(nathalie, subject="Panne", description="Elle grince.")
    assert await found_by(desk, karim, "legoff") == [later, number]
    assert await found_by(desk, karim, f"{old} grince le goff") == [later, number]


async def test_more_messages_than_one_transaction_takes_get_the_new_name_bit_by_bit(
    desk, nathalie, karim, session
):
    """With the change the newest; the rest by and by, the messages written meanwhile at once."""
    first = await desk.opened(nathalie, description="Elle grince.")
    other = await desk.opened(nathalie, description="Elle fume.")
    copies = """
        INSERT INTO messages (id, ticket_id, customer_id, kind, author_id, author_name, author_role,
            text, sent_at, status_after, minutes_corrected)
        SELECT gen_random_uuid(), ticket_id, messages.customer_id, kind, author_id, author_name,
            author_role, text, sent_at, status_after, false
        FROM messages JOIN tickets ON tickets.id = ticket_id, generate_series(1, 250)
        WHERE number = :number
    """
    await session.execute(sql(copies), {"number": other})
    renamed = CustomerChanged(
        customer_id=nathalie.id,
        version=2,
        enabled=True,
        first_name="Nathalie",
        last_name="Le Goff",
        email="nathalie@example.org",
        registered_at="2026-01-01T00:00:00Z",
    )
    await desk.receive(renamed)
    assert await found_by(desk, karim, "legoff") == [other]
    assert await found_by(desk, karim, "legoff grince") == []
    assert [await reword_some(session) for _ in range(5)] == [50, 50, 50, 2, None]
    assert await found_by(desk, karim, "legoff grince") == [first]


async def test_who_answered_is_read_once_however_often_they_did(desk, nathalie, karim, session):
    number = await desk.opened(nathalie)
    for _ in range(5):
        await desk.say(karim, number, "Encore une fois.")
    await session.execute(sql("SET LOCAL track_functions = 'all'"))
    words = sql("SELECT message_words(id, 'Karim', 'Bonjour') FROM tickets WHERE number = :number")
    await session.execute(words, {"number": number})
    calls = "SELECT calls FROM pg_stat_xact_user_functions WHERE funcname = 'request_words'"
    texts = ("text", "subject", "designation", "reference", "customer", "author", "who answered")
    assert await session.scalar(sql(calls)) == len(texts)


async def test_a_sign_that_stands_for_many_letters_makes_no_search_longer():
    assert len(typed("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 200).folded) <= 200


async def test_a_long_text_is_searched_by_its_first_words(desk, nathalie, karim):
    number = await desk.opened(nathalie, description="Le rouleau grince.")
    await desk.opened(nathalie, description="Le clavier.")
    for who in (karim, nathalie):
        assert await found_by(desk, who, "rouleau grince " * 13 + "x" * 500 + " clavier") == [
            number
        ]


# --- Numbers ----------------------------------------------------------------------------------


async def test_a_number_comes_first_and_exact(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    other = await desk.opened(nathalie, description=f"Suite de la demande {number}.")
    for text in (
        f"{number}",
        f" N°{number} ",
        f"[{number}]",
        f"demande n° {number}",
        f"Re: Votre demande n°\u00a0{number} a reçu une réponse",
    ):
        for who in (karim, nathalie):
            results = await desk.search(who, text)
            assert numbers(results["exact"]) == [number], text
            assert numbers(results["found"]) == ([] if "reçu" in text else [other]), text
    spaced = f"{number // 1000} {number % 1000:03}"
    assert numbers((await desk.search(karim, spaced))["exact"]) == [number]
    assert numbers((await desk.search(karim, f"{number}9"))["exact"]) == []


async def test_a_serial_number_comes_first_and_exact(desk, nathalie, marc, karim):
    sale = await desk.sell(nathalie, serial_number=SERIAL_NUMBER)
    first, second = [await desk.opened(nathalie, sale=sale) for _ in range(2)]
    other = await desk.opened(marc, description=f"Le même que {SERIAL_NUMBER} ?")
    for text in (
        SERIAL_NUMBER,
        SERIAL_NUMBER.lower(),
        "SN4X8 82019 3KQ7L",
        "SN4X-8820-193K-Q7L",
        f"S/N : {SERIAL_NUMBER}",
        f"n° de série {SERIAL_NUMBER}",
        SERIAL_NUMBER[:-1],
        "8820193",
    ):
        assert numbers((await desk.search(karim, text))["exact"]) == [second, first], text
    assert await found_by(desk, karim, SERIAL_NUMBER) == [other]
    assert numbers((await desk.search(nathalie, SERIAL_NUMBER))["exact"]) == [second, first]
    assert numbers((await desk.search(marc, SERIAL_NUMBER))["exact"]) == []
    assert numbers((await desk.search(nathalie, "8820193"))["exact"]) == [second, first]
    assert numbers((await desk.search(marc, "8820193"))["exact"]) == []
    assert await desk.numbers(nathalie, "/mine", q="8820-193K") == [second, first]
    assert numbers((await desk.search(karim, "20193"))["exact"]) == []


async def test_what_is_found_exactly_is_not_found_again(desk, nathalie, karim):
    number = await desk.opened(nathalie, description="Rappel de ma demande.")
    await desk.say(nathalie, number, f"C’est la demande {number}.")
    results = await desk.search(karim, str(number))
    assert (numbers(results["exact"]), numbers(results["found"])) == ([number], [])


@pytest.mark.parametrize("text", ["0", "9" * 18, "9" * 19, "9" * 200, "\u0661\u0660\u0660\u0661"])
async def test_any_number_may_be_asked_for(desk, karim, text):
    assert (await desk.search(karim, text))["exact"] == []


# --- Who may find what ------------------------------------------------------------------------

SECRETS = ["Zibeline", "note secrète zibeline", "zibel", "secret", "pénible zibeline"]


async def test_notes_are_found_by_staff_and_by_nobody_else(desk, nathalie, marc, karim, julien):
    number = await desk.opened(nathalie)
    await desk.note(karim, number, "Note secrète : Zibeline, client pénible.")
    for text in SECRETS:
        [found] = (await desk.search(julien, text))["found"]
        assert (found["ticket"]["number"], found["message"]["kind"]) == (number, "note")
        for customer in (nathalie, marc):
            results = await desk.search(customer, text)
            assert results == {"exact": [], "found": [], "next": None}, text
            assert await desk.numbers(customer, "/mine", q=text) == []


async def test_a_word_of_a_note_completes_no_word_of_a_customer(desk, nathalie, karim):
    """Neither by itself, nor with words that the customer may read, nor by a beginning."""
    number = await desk.opened(nathalie, subject="Écran", description="Il est noir.")
    await desk.note(karim, number, "Écran noir zibeline")
    await desk.say(karim, number, "Débranchez la station.")
    for text in ("écran zibeline", "noir zib", "zibeline station", "zibelin"):
        assert await found_by(desk, nathalie, text) == []
        assert await desk.numbers(nathalie, "/mine", q=text) == []
    [found] = (await desk.search(nathalie, "écran noir"))["found"]
    assert found["message"]["kind"] == "customer"


async def test_customers_find_their_own_alone(desk, nathalie, marc, karim):
    own = await desk.opened(nathalie, description="Le rouleau grince.")
    other = await desk.opened(marc, description="Le rouleau de Marc grince.")
    await desk.say(karim, other, "Rouleau à changer.")
    for text in ("rouleau", "rouleau grince", "roul"):
        assert await found_by(desk, nathalie, text) == [own]
    for text in ("Marc", str(other), "rouleau changer"):
        results = await desk.search(nathalie, text)
        assert (results["exact"], results["found"]) == ([], [])


async def test_the_words_of_others_crowd_out_nobody(desk, nathalie, marc):
    own = await desk.opened(nathalie, description="Panne")
    other = await desk.opened(marc, description="Panne")
    for _ in range(20):
        await desk.say(marc, other, "Panne !")
    page = await desk.search(nathalie, "panne", limit=1)
    assert (numbers(page["found"]), page["next"]) == ([own], None)


async def test_a_customer_s_results_hold_nothing_of_staff(desk, nathalie, karim):
    number = await desk.opened(nathalie, description="Le rouleau grince.")
    await desk.prioritise(karim, number, "urgent")
    await desk.say(karim, number, "Le rouleau est usé.", minutes=5)
    content = json.dumps(await desk.search(nathalie, "rouleau"))
    content += json.dumps(await desk.search(nathalie, str(number)))
    for word in ("priority", "unread", "answered_by", "minutes", "urgent"):
        assert word not in content
    assert "priority" in json.dumps(await desk.search(karim, "rouleau"))


async def test_an_invented_cursor_opens_nothing(desk, nathalie, marc, karim):
    number = await desk.opened(marc, description="Le rouleau grince.")
    await desk.note(karim, number, "Rouleau zibeline")
    messages = (await desk.read(karim, number))["messages"]
    for known in (*(message["id"] for message in messages), uuid4()):
        for text in ("rouleau", "zibeline"):
            asked = {"text": text, "after": paging.encode(known)}
            answer = await desk.send(nathalie, "POST", "/search", asked)
            assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


WORDS = st.text("abcdeéèzibelnr’- .<>&'\"*:!|\\()[]1234", min_size=1, max_size=40) | st.text(
    # Letters and digits of any kind: some become several words without their accents.
    st.characters(categories=["L", "N", "S"]) | st.sampled_from("½¼⑴ﬃ㎏ "),
    min_size=1,
    max_size=20,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=WORDS)
async def test_whatever_a_customer_types_no_note_and_nobody_else_s_word_comes_up(own_secrets, text):
    desk, customer = own_secrets
    answer = await desk.send(customer, "POST", "/search", {"text": text})
    assert answer.status_code == 200
    listed = await desk.get(customer, "/mine", q=text)
    for received in (answer.text, listed.text):
        assert "zibeline" not in received.lower()
        assert "Marc" not in received


@pytest.fixture(scope="module")
async def own_secrets(own_desk, someone):
    """A customer whose request has a note, beside somebody else's with the same words."""
    customer, other, staff = (
        someone("customer", "Nathalie"),
        someone("customer", "Marc"),
        someone("technician", "Karim"),
    )
    number = await own_desk.opened(customer, subject="Bine", description="Elle bée. Abelle 1 2 3.")
    await own_desk.note(staff, number, "Zibeline 1 2 3 bée")
    await own_desk.opened(other, subject="Bine", description="Zibeline de Marc, bée 1 2 3")
    return own_desk, customer


# --- Highlights -------------------------------------------------------------------------------


async def test_matches_are_marked_in_the_text_as_it_was_written(desk, nathalie, karim):
    text = "L’imprimante s’arrête : code 13.B2.D1 !\nDeux imprimantes, donc."
    await desk.opened(nathalie, subject="Panne d’IMPRIMANTE", description=text)
    [found] = (await desk.search(karim, "imprimante b2 arrêter"))["found"]
    assert plain(found["subject"]) == "Panne d’IMPRIMANTE"
    assert marked(found["subject"]) == ["IMPRIMANTE"]
    assert plain(found["message"]["excerpt"]) == text
    assert marked(found["message"]["excerpt"]) == ["imprimante", "arrête", "B2", "imprimantes"]


async def test_an_excerpt_shows_the_surroundings_of_the_first_match(desk, nathalie, karim):
    text = "Rien à dire ici. " * 200 + "Le rouleau grince. " + "Suite. " * 200
    await desk.opened(nathalie, description=text)
    [found] = (await desk.search(karim, "rouleau"))["found"]
    pieces = found["message"]["excerpt"]
    assert marked(pieces) == ["rouleau"]
    assert pieces[0]["text"] == pieces[-1]["text"] == "…"
    assert len(plain(pieces)) < 300


async def test_markup_and_marks_in_a_text_stay_plain_text(desk, nathalie, karim):
    text = f"<mark>rouleau</mark> {START}usé{STOP} <script>alert('rouleau')</script> &amp; rouleau"
    await desk.opened(nathalie, subject="<b>rouleau</b>", description=text)
    [found] = (await desk.search(karim, "rouleau"))["found"]
    assert plain(found["message"]["excerpt"]) == text
    assert marked(found["message"]["excerpt"]) == ["rouleau", "rouleau", "rouleau"]
    assert marked(found["subject"]) == ["rouleau"]


async def test_a_word_too_long_for_postgresql_is_shown_unmarked(desk, nathalie, karim):
    text = "x" * 3_000 + " rouleau"
    await desk.opened(nathalie, description=text)
    [found] = (await desk.search(karim, "rouleau"))["found"]
    assert marked(found["message"]["excerpt"]) == []
    assert text.startswith(plain(found["message"]["excerpt"]).rstrip("…"))


async def test_the_longest_message_of_the_rarest_words_is_kept_and_found(desk, nathalie, karim):
    """No text that may be sent is ever refused for the sake of the search."""
    words = " ".join(f"é{n:x}à" for n in range(10_000))[:19_000] + " rouleau"
    number = await desk.opened(nathalie, description=words)
    assert await found_by(desk, karim, "rouleau") == [number]
    assert await found_by(desk, nathalie, "rouleau") == [number]


@given(text=st.text(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=6))
def test_segments_put_together_are_the_text(text, cuts):
    text = "".join(c for c in text if c not in (START, STOP)).encode("utf-8", "ignore").decode()
    normal = unicodedata.normalize("NFC", text)
    indexes = sorted({min(cut, len(normal)) for cut in cuts})
    marks, inside = list(normal), True
    for index in reversed(indexes):
        marks.insert(index, STOP if inside else START)
        inside = not inside
    pieces = segments(text, "".join(marks))
    assert "".join(piece.text for piece in pieces) == normal
    assert "".join(piece.text for piece in excerpt(text, "".join(marks))).strip("…") in normal


def test_many_words_are_marked_in_the_longest_message_at_once():
    """All requests wait while one replica marks."""
    written = ("Le Wi-Fi coupe depuis hier soir, malgré trois redémarrages. " * 400)[:20_000]
    words = [*typed(" ".join(f"mot{n}" for n in range(40))).joined_words, "wifi"]
    began = time.process_time()
    pieces = segments(written, written, words)
    assert time.process_time() - began < 0.3
    assert {piece.text for piece in pieces if piece.match} == {"Wi-Fi"}


# --- Pages and bounds -------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["karim", "nathalie"])
async def test_pages_give_every_request_once_newest_message_first(
    desk, nathalie, karim, who, request
):
    reader = request.getfixturevalue(who)
    opened = [await desk.opened(nathalie, description=f"Panne {n}") for n in range(9)]
    for number in (opened[2], opened[5], opened[2]):
        await desk.say(nathalie, number, "Toujours en panne.")
    expected = [opened[2], opened[5]] + [
        n for n in reversed(opened) if n not in (opened[2], opened[5])
    ]

    found, after = [], None
    for _ in range(20):
        page = await desk.search(reader, "panne", limit=2, **({"after": after} if after else {}))
        assert len(page["found"]) <= 2
        found += numbers(page["found"])
        if (after := page["next"]) is None:
            break
    assert found == expected


async def test_one_request_with_many_matches_hides_no_other(desk, nathalie, karim):
    old = await desk.opened(nathalie, description="Panne")
    loud = await desk.opened(nathalie, description="Panne")
    for _ in range(25):
        await desk.say(nathalie, loud, "Panne !")
    found, after = [], None
    for _ in range(30):
        page = await desk.search(karim, "panne", limit=1, **({"after": after} if after else {}))
        found += numbers(page["found"])
        if (after := page["next"]) is None:
            break
    assert found == [loud, old]


async def test_words_are_found_across_windows(desk, nathalie, karim, monkeypatch):
    """The same as ever when windows are so narrow that every message has its own."""
    opened = [await desk.opened(nathalie, description=f"Panne {n}") for n in range(6)]
    monkeypatch.setattr(queries, "NARROW", 1)
    monkeypatch.setattr(queries, "WIDE", 2)
    assert await found_by(desk, karim, "panne") == opened[::-1]
    assert await found_by(desk, karim, "panne 3") == [opened[3]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", None),
        ("text", "a\x00b"),
        ("limit", 0),
        ("limit", 26),
        ("limit", "x"),
        ("after", 5),
        ("who", "me"),
    ],
)
async def test_a_wrong_field_is_named(desk, karim, nathalie, field, value):
    for who in (karim, nathalie):
        answer = await desk.send(who, "POST", "/search", {"text": "panne"} | {field: value})
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "cursor", ["x", "", "W10", paging.encode("x"), paging.encode(2**70), paging.encode(5)]
)
async def test_a_cursor_that_no_search_gave_is_refused(desk, karim, nathalie, cursor):
    for who in (karim, nathalie):
        answer = await desk.send(who, "POST", "/search", {"text": "panne", "after": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


async def test_nobody_searches_without_a_token(client):
    answer = await client.post("/api/tickets/search", json={"text": str(uuid4())})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


# --- What customers who are found have open -----------------------------------------------------


async def test_staff_see_what_customers_have_open(desk, nathalie, marc, karim):
    opened = [await desk.opened(nathalie) for _ in range(5)]
    await desk.resolve(nathalie, opened[4])
    await desk.resolve(marc, await desk.opened(marc))
    asked = {"customer_id": [str(who.id) for who in (nathalie, marc)]}
    answer = await desk.get(karim, "/unresolved", **asked)
    assert answer.json() == {
        "customers": [
            {"customer_id": str(nathalie.id), "count": 4, "numbers": opened[3:0:-1]},
        ]
    }
    assert (await desk.get(nathalie, "/unresolved", **asked)).status_code == 403
    many = {"customer_id": [str(uuid4()) for _ in range(51)]}
    assert (await desk.get(karim, "/unresolved", **many)).status_code == 422
