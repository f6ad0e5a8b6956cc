"""A story that fails leaves behind what whoever looks into it needs."""

import shutil

import pytest

import failures


async def test_what_a_browser_showed_is_left_and_the_message_says_where(request, windows):
    visitor = await windows.visitor()
    await visitor.goes_to("/connexion")
    await visitor.page.evaluate("console.log('something was tried')")
    item, folder = request.node, failures.folder_of(request.node)
    report = pytest.TestReport(
        item.nodeid, item.location, {}, "failed", "the button is not there", "call"
    )
    try:
        failures.note(item, report)
        await windows.show(folder)
        left = {file.name: file.read_bytes() for file in folder.iterdir()}
    finally:
        del item.stash[failures.FAILED]
        shutil.rmtree(folder)

    assert left["window-1.png"].startswith(b"\x89PNG")
    assert b"Se connecter" in left["window-1.html"]
    assert b"/connexion -->" in left["window-1.html"]
    assert b"something was tried" in left["console.txt"]
    assert left["call.txt"] == b"the button is not there"
    is_ours = not request.config.getoption("--base-url")
    assert ("gateway.log" in left) == is_ours
    [(title, where)] = report.sections
    assert "screenshot, page and console of each window" in title
    assert ("logs of all parts" in title) == is_ours
    assert where == str(folder)
