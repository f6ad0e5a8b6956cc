"""Files of messages: sent in parts, checked by their content, read with the right of their request."""

import base64
import io
import zipfile
from datetime import timedelta
from uuid import UUID, uuid4

import pillow_heif
import pytest
from PIL import Image
from sqlalchemy import select, text, update

from chassis.files import pictures
from chassis.http.uploads import Upload
from chassis.monitoring.loops import Loop, Stuck
from chassis.testing import EICAR
from tickets.app import check_files, keep_files
from tickets.models import File
from tickets.operations import stored_files
from tickets.queries import files as queries

pillow_heif.register_heif_opener()

TUS = {"Tus-Resumable": "1.0.0"}
PART = TUS | {"Content-Type": "application/offset+octet-stream"}
MEBIBYTE = 1024 * 1024
PDF = b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>endobj\n%%EOF"
TOOK_PLACE = 0x8825  # the place, among what a camera writes


def picture(kind: str = "JPEG", size: tuple[int, int] = (300, 200), mode="RGB", **more) -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, "red").save(written, kind, **more)
    return written.getvalue()


def from_camera() -> bytes:
    """Lying on its side, with the place where it was taken."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(TOOK_PLACE)[1] = "N"
    exif.get_ifd(TOOK_PLACE)[2] = (48.0, 51.0, 30.0)
    return picture(exif=exif)


@pytest.fixture
def desk(own_desk):
    return own_desk


class Files:
    """What people do with files, through the API alone."""

    def __init__(self, desk):
        self.desk, self.client = desk, desk.client
        self.app = desk.client._transport.app

    async def begin(self, who, number, name="photo.jpg", size=10):
        path = "/draft/files" if number is None else f"/{number}/draft/files"
        metadata = f"filename {base64.b64encode(name.encode()).decode()}"
        about = {"Upload-Length": str(size), "Upload-Metadata": metadata}
        return await self.client.post(f"/api/tickets{path}", headers=who.headers | TUS | about)

    async def part(self, who, address, offset, content):
        about = {"Upload-Offset": str(offset)}
        return await self.client.patch(address, content=content, headers=who.headers | PART | about)

    async def send(self, who, number, content, name="photo.jpg"):
        """All of it, checked; what the API says of it then."""
        begun = await self.begin(who, number, name, len(content))
        assert begun.status_code == 201, begun.text
        address = begun.headers["Location"]
        for offset in range(0, len(content), MEBIBYTE):
            sent = await self.part(who, address, offset, content[offset : offset + MEBIBYTE])
            assert sent.status_code == 204, sent.text
        await self.check()
        return (await self.client.get(address, headers=who.headers)).json()

    async def check(self):
        while await check_files(self.app, Loop("files")) != "found none to check":
            pass

    async def read(self, who, file_id, form="original", **headers):
        return await self.client.get(
            f"/api/tickets/files/{file_id}/content",
            params={"form": form},
            headers=who.headers | headers,
        )


@pytest.fixture
def files(desk):
    return Files(desk)


async def test_whoever_was_cut_off_goes_on_and_sends_it_once(desk, files, nathalie, karim):
    number, content = await desk.opened(nathalie), from_camera()
    begun = await files.begin(nathalie, number, "Écran fêlé.JPG", len(content))
    address = begun.headers["Location"]
    assert begun.json()["state"] == "receiving"
    assert (await files.part(nathalie, address, 0, content[:100])).headers["Upload-Offset"] == "100"
    again = await files.part(nathalie, address, 0, content)
    assert (again.status_code, again.json()["code"]) == (409, "upload_offset_wrong")
    head = await files.client.head(address, headers=nathalie.headers | TUS)
    assert head.headers["Upload-Offset"] == "100"
    on_phone = (await desk.read(nathalie, number))["draft"]["files"]
    assert [(file["received"], file["state"]) for file in on_phone] == [(100, "receiving")]

    [file_id] = [file["id"] for file in on_phone]
    early = await desk.say(nathalie, number, "Voici.", files=[file_id])
    assert (early.status_code, early.json()["code"]) == (409, "file_not_ready")
    await files.part(nathalie, address, 100, content[100:])
    assert (await desk.read(nathalie, number))["draft"]["files"][0]["state"] == "checking"
    await files.check()
    key = str(uuid4())
    sent = [await desk.say(nathalie, number, "Voici.", key, files=[file_id]) for _ in range(2)]
    assert [answer.status_code for answer in sent] == [201, 201]
    assert sent[0].json() == sent[1].json()
    [file] = sent[0].json()["files"]
    assert (file["name"], file["kind"], file["size"]) == (
        "Écran fêlé.jpg",
        "image/jpeg",
        len(content),
    )
    assert (file["width"], file["height"]) == (200, 300)
    twice = await desk.say(nathalie, number, "Encore.", files=[file_id])
    assert (twice.status_code, twice.json()["code"]) == (409, "file_not_of_draft")
    thread = await desk.read(karim, number)
    assert [message["files"] for message in thread["messages"]] == [[], [file]]
    listed = (await desk.get(nathalie, f"/{number}/files")).json()["files"]
    assert [(each["id"], each["author_name"]) for each in listed] == [(file_id, nathalie.name)]
    events = await outbox(desk, "tickets.ticket-message-added.v1", number)
    assert [event["files"] for event in events] == [1]


async def outbox(desk, kind, number):
    async with desk.database.transaction() as session:
        bodies = await session.scalars(
            text("SELECT body::jsonb->'data' FROM messaging.outbox WHERE type = :type"),
            {"type": kind},
        )
        return [body for body in bodies if body["number"] == number]


async def test_pictures_are_shown_upright_and_without_what_the_camera_wrote(
    desk, files, nathalie, karim, marc
):
    number = await desk.opened(nathalie)
    large = picture("HEIF", (3000, 1000))
    for content, size in ((from_camera(), (200, 300)), (large, (2560, 853))):
        file = await files.send(nathalie, number, content, "IMG_0001.heic")
        for form, longest in (("shown", max(size)), ("thumbnail", min(480, max(size)))):
            answer = await files.read(nathalie, file["id"], form)
            shown = Image.open(io.BytesIO(answer.content))
            assert (answer.headers["Content-Type"], shown.format) == ("image/jpeg", "JPEG")
            assert max(shown.size) == longest
            assert not shown.getexif()
            assert "exif" not in shown.info
        assert (file["width"], file["height"]) == size
        await desk.say(nathalie, number, files=[file["id"]])
        assert (await files.read(nathalie, file["id"])).status_code == 404
        assert (await files.read(marc, file["id"], "shown")).status_code == 404
        original = await files.read(karim, file["id"])
        assert original.content == content
        assert original.headers["Content-Disposition"].startswith("attachment")


async def test_a_request_is_opened_with_its_files_and_a_note_s_are_staff_s(
    desk, files, nathalie, karim, marc, julien
):
    sale = await desk.sell(nathalie)
    first = await files.send(nathalie, None, picture(), "plaque.jpg")
    second = await files.send(nathalie, None, PDF, "ticket.pdf")
    draft = (await desk.get(nathalie, "/draft")).json()
    assert [file["id"] for file in draft["files"]] == [first["id"], second["id"]]
    stranger = await desk.open(marc, await desk.sell(marc), files=[first["id"]])
    assert (stranger.status_code, stranger.json()["code"]) == (409, "file_not_of_draft")
    wrong = await desk.open(nathalie, sale, subject=" ", files=[first["id"]])
    assert wrong.status_code == 422
    opened = await desk.open(nathalie, sale, files=[second["id"], first["id"]])
    number = opened.json()["number"]
    [message] = (await desk.read(nathalie, number))["messages"]
    assert [file["name"] for file in message["files"]] == ["ticket.pdf", "plaque.jpg"]
    assert (await desk.get(nathalie, "/draft")).json()["files"] == []

    kept = await files.send(karim, number, b"Marche encore.\n", "notes.log")
    assert (await desk.note(karim, number, files=[kept["id"]])).status_code == 201
    for who, status, count in ((julien, 200, 3), (nathalie, 404, 2), (marc, 404, None)):
        assert (await files.read(who, kept["id"])).status_code == status
        listed = await desk.get(who, f"/{number}/files")
        assert (listed.json().get("files") and len(listed.json()["files"])) == count
    assert (await files.read(marc, second["id"])).status_code == 404


async def test_a_draft_without_its_text_keeps_its_files_and_another_may_take_them(
    desk, files, nathalie, karim
):
    number = await desk.opened(nathalie)
    file = await files.send(nathalie, None, PDF, "a.pdf")
    await desk.send(nathalie, "PUT", "/draft", {"text": "Bonjour", "subject": "Panne"})
    await desk.send(nathalie, "DELETE", "/draft?keep_files=true")
    draft = (await desk.get(nathalie, "/draft")).json()
    assert (draft["text"], draft["subject"]) == ("", "")
    assert [each["id"] for each in draft["files"]] == [file["id"]]
    for who, count in ((karim, 0), (nathalie, 1)):
        moved = {"text": "Bonjour", "files": [file["id"]]}
        kept = await desk.send(who, "PUT", f"/{number}/draft", moved)
        assert len(kept.json()["files"]) == count
    assert (await desk.get(nathalie, "/draft")).json()["files"] == []
    await desk.send(nathalie, "DELETE", f"/{number}/draft")
    assert (await desk.get(nathalie, f"/{number}/draft")).json()["saved_at"] is None
    await desk.send(nathalie, "DELETE", "/draft?keep_files=true")
    assert (await desk.get(nathalie, "/draft")).json()["saved_at"] is None


async def test_of_a_file_any_bytes_are_read_and_none_as_a_page_of_ours(desk, files, nathalie):
    number = await desk.opened(nathalie)
    content = b"a;b\n" * 100_000
    file = await files.send(nathalie, number, content, 'état "été";.csv')
    whole = await files.read(nathalie, file["id"])
    assert whole.content == content
    assert whole.headers["Content-Length"] == str(len(content))
    assert whole.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert whole.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert whole.headers["Content-Disposition"] == (
        "attachment; filename=\"_tat __t___.csv\"; filename*=UTF-8''%C3%A9tat%20_%C3%A9t%C3%A9_%3B.csv"
    )
    tag = whole.headers["ETag"]
    assert (await files.read(nathalie, file["id"], **{"If-None-Match": tag})).status_code == 304
    for asked, found in (
        ("bytes=4-11", content[4:12]),
        ("bytes=399996-", content[-4:]),
        ("bytes=-4", content[-4:]),
        ("bytes=0-999999999", content),
    ):
        part = await files.read(nathalie, file["id"], Range=asked)
        assert part.content == found
        assert part.status_code == (200 if found == content else 206)
    beyond = await files.read(nathalie, file["id"], Range="bytes=400000-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */400000")
    other = await files.read(nathalie, file["id"], Range="bytes=4-11", **{"If-Range": '"old"'})
    assert other.content == content


def zip_of(name: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(name, b"\0" * 1000)
    return written.getvalue()


# What a stranger may send: its name and bytes, and the code of its refusal, or the name under which
# it is harmless.
ABUSES = {
    "a page": ("page.html", b"<!DOCTYPE html><script>alert(1)</script>", "file_kind_refused"),
    "a page called a picture": ("a.jpg", b"<html><body onload=a()>", "file_kind_refused"),
    "a drawing with a script": (
        "a.svg", b'<?xml version="1.0"?><svg><script/></svg>', "file_kind_refused",
    ),
    "a page in UTF-16": ("a.txt", "\ufeff<script>a()</script>".encode("utf-16"), "file_kind_refused"),
    "a program": ("photo.jpg", b"MZ\x90\0" + b"\0" * 200, "file_kind_refused"),
    "another program": ("a.log", b"\x7fELF\2\1\1" + b"\0" * 200, "file_kind_refused"),
    "bytes of nothing": ("a.txt", bytes(range(256)) * 4, "file_kind_refused"),
    "half a picture": ("a.jpg", picture()[:400], "file_picture_unreadable"),
    "no picture": ("a.png", b"\x89PNG\r\n\x1a\n" + b"x" * 400, "file_picture_unreadable"),
    "a hundred megapixels": (
        "a.png", picture("PNG", (10_000, 10_000), "1"), "file_picture_too_large",
    ),
    "a picture and a script": ("a.jpg", picture() + b"<script>a()</script>", "a.jpg"),
    "a picture and an archive": ("a.zip", picture() + zip_of("a.js"), "a.zip.jpg"),
    "a document with a script": ("a.pdf", PDF, "a.pdf"),
    "a bomb": ("a.zip", zip_of("zeros"), "a.zip"),
    "an office document": ("devis.docx", zip_of("word/document.xml"), "devis.docx.zip"),
    "a lying name": ("facture.pdf.exe", PDF, "facture.pdf.exe.pdf"),
    "a path": ("../../etc/passwd", b"root", "passwd.txt"),
    "a path of Windows": ("C:\\Windows\\a.txt", b"a", "a.txt"),
    "turned letters": ("photo\u202egpj.exe", picture(), "photogpj.exe.jpg"),
    "a long name": ("é" * 255 + ".txt", b"a", "é" * 88 + ".txt"),
    "nothing but dots": ("...", b"a", "fichier.txt"),
    "a line break": ("a\r\nSet-Cookie: b.txt", b"a", "a Set-Cookie_ b.txt"),
}  # fmt: skip


@pytest.mark.parametrize("abuse", ABUSES)
async def test_whatever_comes_is_refused_or_harmless(desk, files, nathalie, karim, abuse):
    name, content, outcome = ABUSES[abuse]
    number = await desk.opened(nathalie)
    file = await files.send(nathalie, number, content, name)
    if outcome.startswith("file_"):
        assert (file["state"], file["refusal"]) == ("refused", outcome)
        refused = await desk.say(nathalie, number, files=[file["id"]])
        assert (refused.status_code, refused.json()["code"]) == (409, "file_refused")
        assert (await files.read(nathalie, file["id"])).status_code == 404
        return
    assert (file["state"], file["name"]) == ("ready", outcome)
    assert (await desk.say(nathalie, number, files=[file["id"]])).status_code == 201
    for who in (nathalie, karim):
        for form in ("original", "shown", "thumbnail"):
            answer = await files.read(who, file["id"], form)
            if answer.status_code == 200:
                kind = answer.headers["Content-Type"].split(";")[0]
                assert kind in {"image/jpeg", "application/pdf", "application/zip", "text/plain"}
                assert form != "original" or "attachment" in answer.headers["Content-Disposition"]
                assert form == "original" or b"script" not in answer.content


async def test_what_cannot_be_a_file_is_refused_before_it_comes(desk, files, nathalie, marc):
    number = await desk.opened(nathalie)
    for name, size, status, code in (
        ("a.txt", 0, 422, "file_empty"),
        (" ", 5, 422, "file_nameless"),
        ("a.txt", 25 * MEBIBYTE + 1, 413, "file_too_large"),
    ):
        refused = await files.begin(nathalie, number, name, size)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await files.begin(marc, number)).status_code == 404
    begun = [await files.begin(nathalie, number) for _ in range(11)]
    assert [answer.status_code for answer in begun] == [*[201] * 10, 409]
    assert (begun[10].json()["code"], begun[10].json()["context"]) == (
        "too_many_files",
        {"most": 10},
    )
    address = begun[0].headers["Location"]
    assert (await files.client.get(address, headers=marc.headers)).status_code == 404
    assert (await files.part(marc, address, 0, b"x")).status_code == 404
    await files.client.delete(address, headers=marc.headers)
    assert (await files.part(nathalie, address, 0, b"x")).status_code == 204
    for _ in range(2):
        removed = await files.client.delete(address, headers=nathalie.headers)
        assert removed.status_code == 204
    assert (await files.begin(nathalie, number)).status_code == 201
    limits = (await desk.get(nathalie, "/files/limits")).json()
    assert (limits["files"], limits["bytes"], limits["scanned"]) == (10, 25 * MEBIBYTE, False)


async def test_the_daily_job_deletes_what_nobody_has_and_names_what_is_lost(
    desk, files, nathalie, karim, monkeypatch
):
    number = await desk.opened(nathalie)
    removed, forgotten, lost, kept = [
        await files.send(nathalie, number, picture(), f"{name}.jpg") for name in "abcd"
    ]
    given_up = (await files.begin(nathalie, number)).json()
    await files.client.delete(f"/api/tickets/files/{removed['id']}", headers=nathalie.headers)
    sent = await desk.say(nathalie, number, files=[lost["id"], kept["id"]])
    assert sent.status_code == 201  # and the draft went, with the file that was not sent
    folder = desk.client._transport.app.state.objects.folder
    stray = folder / "something" / "else"
    stray.parent.mkdir()
    stray.write_bytes(b"x")
    (folder / lost["id"] / "shown").unlink()
    async with desk.database.transaction() as session:
        await session.execute(text("DELETE FROM uploads.uploads"))
        await session.execute(update(File).values(made_at=File.made_at - timedelta(days=2)))
    assert (folder / forgotten["id"] / "original").exists()

    first = await stored_files.clean_up(desk.database, files.app.state.objects)
    assert (first.objects, first.missing) == (0, 1)  # they might belong to what is just committed
    monkeypatch.setattr(stored_files, "SETTLES_WITHIN", timedelta(seconds=-60))
    second = await stored_files.clean_up(desk.database, files.app.state.objects)
    assert second.rows == 0
    assert second.objects >= 3 + 3 + 1  # with those of the other tests
    left = {path.parent.name for path in folder.rglob("*") if path.is_file()}
    assert left >= {lost["id"], kept["id"]}
    assert not left & {removed["id"], forgotten["id"], given_up["id"], "something"}
    third = await stored_files.clean_up(desk.database, files.app.state.objects)
    assert third == stored_files.CleanedUp(rows=0, objects=0, missing=1)

    answer = await files.read(nathalie, lost["id"], "shown")
    assert (answer.status_code, answer.json()["code"]) == (404, "file_missing")
    [_, message] = (await desk.read(karim, number))["messages"]
    assert [file["missing"] for file in message["files"]] == [True, False]
    loop = Loop("stored files")
    monkeypatch.setattr("tickets.app.DAY_SECONDS", 0)
    await keep_files(files.app, loop)
    assert loop.state() == "the store has lost 1 files: see docs/operations.md"
    async with desk.database.reading() as reader:
        assert UUID(kept["id"]) in await queries.of_person(reader, nathalie.id)


async def test_what_is_cut_off_while_it_is_checked_is_checked_again(
    desk, files, nathalie, monkeypatch
):
    number = await desk.opened(nathalie)
    began = pictures.draw

    async def dies(*arguments):
        await began(*arguments)
        raise RuntimeError("killed")

    monkeypatch.setattr(pictures, "draw", dies)
    with pytest.raises(RuntimeError):
        await files.send(nathalie, number, picture())
    [file] = (await desk.read(nathalie, number))["draft"]["files"]
    assert file["state"] == "checking"
    monkeypatch.undo()
    await files.check()
    [file] = (await desk.read(nathalie, number))["draft"]["files"]
    assert file["state"] == "ready"
    async with desk.database.transaction() as session:
        assert await session.scalar(select(Upload.settled_at).where(Upload.id == UUID(file["id"])))


async def test_the_scanner_s_word_is_final(desk, files, nathalie, clamd):
    checks, number = files.app.state.checks, await desk.opened(nathalie)
    object.__setattr__(checks, "scanner", clamd)
    for content, refusal in ((EICAR, "file_virus"), (picture(), None)):
        file = await files.send(nathalie, number, content, "a.txt")
        assert file["refusal"] == refusal
    object.__setattr__(checks, "scanner", "")


async def test_files_wait_while_the_store_or_the_scanner_is_away(
    desk, files, nathalie, monkeypatch, tmp_path
):
    monkeypatch.setattr("tickets.app.CHECK_AGAIN_SECONDS", 0)
    number, state = await desk.opened(nathalie), files.app.state
    nowhere = tmp_path / "file"
    nowhere.write_bytes(b"")
    away = (
        ("scanner", "127.0.0.1:1"),
        (
            "objects",
            type(state.objects)(state.settings.model_copy(update={"files_folder": nowhere})),
        ),
    )
    for name, value in away:
        object.__setattr__(state.checks, name, value)
        with pytest.raises(Stuck, match="files wait to be checked"):
            await files.send(nathalie, number, b"un texte", "a.txt")
        object.__setattr__(state.checks, name, {"scanner": "", "objects": state.objects}[name])
        await files.check()
        draft = (await desk.read(nathalie, number))["draft"]
        assert {file["state"] for file in draft["files"]} == {"ready"}
