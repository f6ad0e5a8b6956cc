"""Everything is lost and comes back, by the commands of docs/operations.md."""

import re
import subprocess
import time

from compose.installation import PARTS, ROOT, Installation
from local.containers.engine import docker
from local.launcher.settings import SERVICES
from shop import Account, Shop
from waiting import eventually

# Who listens is saved before whom it listens to: what is told in between is told again.
IN_ORDER = ("notifications", "tickets", "sales", "catalog", "identity")


def commands_of(title: str) -> list[str]:
    """The lines that a chapter of the page tells to type, each whole."""
    page = (ROOT / "docs" / "operations.md").read_text()
    [chapter] = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    [block] = re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL)
    return block.replace("\\\n", "").splitlines()


def type_in(installation: Installation, folder: str, lines: list[str]) -> str:
    """At a terminal whose `docker compose` means this installation."""
    compose = " ".join(installation.compose.command)
    script = "\n".join(["set -eu", f"cd {folder}", *lines]).replace(
        "docker compose -f deploy/docker-compose.yml", compose
    ).replace("guichet_nats", f"{installation.name}_nats")  # fmt: skip
    done = subprocess.run(
        ["sh", "-c", script], env=installation.compose.environment, capture_output=True, text=True,
        check=False, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


async def sold_and_known(shop: Shop, customer: Account, installation: Installation) -> str:
    """The id of a sale that tickets has heard of."""
    sale = await shop.sell(customer, await shop.product("10AAM9901"))
    await eventually(lambda: knows(installation, sale["id"]), seconds=60)
    return sale["id"]


async def knows(installation: Installation, sale: str) -> None:
    found = installation.sql("tickets", f"select 1 from owned_products where sale_id = '{sale}'")
    assert found == ["1"]


async def test_all_data_comes_back_and_events_after_an_early_dump_are_published_again(
    installation: Installation, shop: Shop, tmp_path, figures
):
    customer = await shop.register("Jeanne", "Sauvegarde")
    before = await sold_and_known(shop, customer, installation)

    backup = commands_of("Backup")
    dumps = [line for line in backup if "pg_dump" in line]
    assert [re.findall(r"pg_dump.* (\w+) >", line)[0] for line in dumps] == [*IN_ORDER]
    first, rest = backup[: backup.index(dumps[0]) + 1], backup[backup.index(dumps[0]) + 1 :]
    type_in(installation, str(tmp_path), first)
    between = await sold_and_known(shop, customer, installation)  # in sales, not in tickets
    type_in(installation, str(tmp_path), rest)
    after = await sold_and_known(shop, customer, installation)  # in neither

    counts = {name: installation.sql(name, COUNT) for name in SERVICES}
    installation.compose.checked("down", "--volumes")
    for part in PARTS:  # as on a new machine, which has none
        docker("image", "rm", "--force", installation.image(part))

    began = time.monotonic()
    type_in(installation, str(tmp_path), commands_of("Restore"))
    took = time.monotonic() - began
    for part in PARTS:
        installation.compose.wait_for(part, 1)

    await eventually(lambda: knows(installation, between), seconds=120)
    await knows(installation, before)
    assert (
        installation.sql("tickets", f"select 1 from owned_products where sale_id = '{after}'") == []
    )
    assert installation.sql("sales", f"select 1 from sales where id = '{after}'") == []
    assert {name: installation.sql(name, COUNT) for name in SERVICES if name != "sales"} == {
        name: count for name, count in counts.items() if name != "sales"
    }
    for name in SERVICES:
        assert installation.sql(name, "select count(*) from messaging.dead_letters") == ["0"]

    owned = await customer.elsewhere().get("/api/tickets/owned-products")  # signed in again
    assert {each["sale_id"] for each in owned["owned_products"]} == {before, between}
    figures.append(
        "backup: "
        + ", ".join(
            f"{file.name} {file.stat().st_size:,}" for file in sorted(tmp_path.rglob("*.dump"))
        )
    )
    figures.append(f"restored in {took:.0f} s, images rebuilt")


COUNT = "select count(*) from messaging.outbox"
