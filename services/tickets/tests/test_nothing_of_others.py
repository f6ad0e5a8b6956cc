"""What a customer reads tells nothing of how much others write: no position, cursor or moment."""

import base64

from tickets.queries.changes import SNAPSHOT

AT_ONCE = 50


async def all_that_may_be_read(desk, customer, number) -> dict[str, dict]:
    """Every route that customers may read, and the pages that cursors lead to."""
    answers = {
        "thread": await desk.get(customer, f"/{number}"),
        "messages": await desk.get(customer, f"/{number}/messages", limit=2),
        "since": await desk.get(customer, f"/{number}/messages", since=2),
        "home": await desk.get(customer, "/home"),
        "mine": await desk.get(customer, "/mine", counts=True, limit=1),
        "counts": await desk.get(customer, "/mine/counts"),
        "products": await desk.get(customer, "/owned-products", limit=1),
        "draft": await desk.get(customer, f"/{number}/draft"),
        "draft of new": await desk.get(customer, "/draft"),
        "found": await desk.send(customer, "POST", "/search", {"text": "rouleau", "limit": 1}),
        "found by number": await desk.send(customer, "POST", "/search", {"text": str(number)}),
        "what was never told": await desk.get(customer, "/changes", since="5:5:"),
        "refused": await desk.say(customer, number, "Alors ?", seen_position=1),
    }
    assert {answer.status_code for answer in answers.values()} == {200, 409}
    read = {name: answer.json() for name, answer in answers.items()}
    earlier, after = read["messages"]["previous"], read["found"]["next"]
    assert earlier
    assert after
    following = await desk.get(customer, f"/{number}/messages", before=earlier)
    more = await desk.send(customer, "POST", "/search", {"text": "rouleau", "after": after})
    return {**read, "earlier": following.json(), "found further": more.json()}


def without_snapshots(read, found: list[str]):
    """What was read, but for the moments in it."""
    if isinstance(read, list):
        return [without_snapshots(each, found) for each in read]
    if not isinstance(read, dict):
        return read
    if read.get("as_of"):
        found.append(read["as_of"])
    return {
        name: without_snapshots(value, found) for name, value in read.items() if name != "as_of"
    }


async def test_what_a_customer_reads_twice_counts_nothing_that_others_wrote_between(
    busy_desk, nathalie, marc, karim
):
    desk = busy_desk
    number = await desk.opened(nathalie, description="Le rouleau grince.")
    await desk.opened(nathalie, description="Le rouleau est usé.")
    other = await desk.opened(marc, description="Le rouleau grince.")
    await desk.say(karim, number)
    await desk.note(karim, number)
    await desk.say(nathalie, number)
    await desk.send(nathalie, "PUT", f"/{number}/draft", {"text": "Alors ?", "seen_position": 2})
    first = await all_that_may_be_read(desk, nathalie, number)
    for index in range(AT_ONCE):
        await desk.say((marc, karim)[index % 2], other, "Le rouleau, encore.")
        await desk.note(karim, number)
    second = await all_that_may_be_read(desk, nathalie, number)

    snapshots: list[str] = []
    assert without_snapshots(first, snapshots) == without_snapshots(second, snapshots)
    assert [message["position"] for message in first["thread"]["messages"]] == [1, 2, 3]
    assert (await desk.say(nathalie, number)).json()["position"] == 4

    assert len(snapshots) == len(set(snapshots)) > 10
    assert len({len(snapshot) for snapshot in snapshots}) == 1
    for snapshot in snapshots:
        assert not SNAPSHOT.search(snapshot)
        assert not SNAPSHOT.search(base64.urlsafe_b64decode(snapshot).decode("latin-1"))


async def test_invented_snapshots_all_get_the_same_answer(busy_desk, nathalie, marc, karim):
    """Else one could look for the transaction of one's own message between those of others."""
    number = await busy_desk.opened(nathalie)
    now = (await busy_desk.get(karim, "/counts")).json()["as_of"]
    await busy_desk.say(nathalie, number)
    await busy_desk.opened(marc)
    later = (await busy_desk.get(karim, "/counts")).json()["as_of"]
    received = []
    for since in (now, later, "1:1:", f"{10**17}:{10**17}:", "x", "é", "9" * 5_000):
        reported = await busy_desk.get(nathalie, "/changes", since=since)
        assert reported.status_code == 200
        received.append({**reported.json(), "as_of": ""})
    assert all(each == received[0] for each in received)
