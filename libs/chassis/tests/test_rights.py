"""Who may ask what on the broker, by name: what comes of it is shown by tests/attacks."""

import json
import subprocess

import pytest

from chassis.messaging.streams import door_config, nats_config
from chassis.messaging.streams.rights import (
    other_systems,
    password_variable,
    permissions,
    rights_of_all,
    rights_of_service,
    rights_of_subscriber,
    subject_outside,
    users,
)
from contracts.topology import CONTEXTS, PUBLIC_STREAMS, stream_name
from local.launcher.machine.servers import program


def test_other_systems_are_named_with_commas_and_are_none_of_ours():
    assert other_systems(" warehouse, accounting ,") == ["warehouse", "accounting"]
    assert other_systems("") == []
    assert users(["warehouse"]) == ["admin", "system", *CONTEXTS, "warehouse"]
    for ours in ("admin", "system", "sales"):
        with pytest.raises(ValueError, match=f"^{ours}: a user of Guichet's own"):
            other_systems(f"warehouse,{ours}")
    with pytest.raises(ValueError, match=r"^admin, sales: a user"):
        other_systems("sales,admin")
    for wrong in ("Warehouse", "1st", "a.b", "a b"):
        with pytest.raises(ValueError, match=f"^{wrong}: a name has small letters"):
            other_systems(wrong)


def test_a_password_is_read_from_a_variable_of_the_users_name():
    assert password_variable("ware-house") == "NATS_PASSWORD_WARE_HOUSE"


def test_another_system_reads_the_public_streams_through_its_durables_and_nothing_else():
    assert set(rights_of_subscriber("warehouse")) == {
        right
        for stream in map(stream_name, PUBLIC_STREAMS)
        for right in (
            f"$JS.API.CONSUMER.MSG.NEXT.{stream}.warehouse",
            f"$JS.API.CONSUMER.INFO.{stream}.warehouse",
            f"$JS.ACK.{stream}.warehouse.>",
        )
    }
    every = rights_of_all(["warehouse"])
    assert set(every) == {*CONTEXTS, "warehouse"}
    assert every["sales"] == rights_of_service("sales")
    assert every["warehouse"] == rights_of_subscriber("warehouse")


def test_a_service_publishes_its_own_and_reads_what_it_listens_to():
    sales = set(rights_of_service("sales"))
    assert {
        "sales.>",
        "$JS.API.STREAM.INFO.SALES",
        "$JS.API.CONSUMER.CREATE.SALES.WATCH-sales",
    } <= sales
    assert {
        "$JS.API.CONSUMER.MSG.NEXT.CATALOG.sales",
        "$JS.API.CONSUMER.CREATE.CATALOG.sales",
        "$JS.API.CONSUMER.RESET.CATALOG.sales",
        "$JS.API.STREAM.INFO.CATALOG",
        "$JS.API.CONSUMER.CREATE.CATALOG.WATCH-sales",
    } <= sales
    assert not [right for right in sales if "TICKETS" in right or right.startswith("tickets")]
    notifications = rights_of_service("notifications")  # publishes nothing
    assert not [right for right in notifications if not right.startswith("$JS.")]


def test_what_is_asked_of_jetstream_has_another_name_in_each_account():
    right = "$JS.API.CONSUMER.INFO.SALES.warehouse"
    assert subject_outside(right) == "$JS.guichet.API.CONSUMER.INFO.SALES.warehouse"
    assert subject_outside("$JS.ACK.SALES.warehouse.>") == "$JS.ACK.SALES.warehouse.>"
    assert permissions("warehouse", [right]) == {
        "publish": {"allow": ["$JS.guichet.API.CONSUMER.INFO.SALES.warehouse"]},
        "subscribe": {"allow": ["_INBOX.warehouse.>"]},
    }


def lines_of(config: str) -> list[str]:
    return [line.strip() for line in config.splitlines()]


def test_the_brokers_configuration_says_what_it_was_given():
    lines = lines_of(
        nats_config(
            listen="127.0.0.1:4222",
            store="/a store",
            subscribers=["ware-house"],
            monitor="127.0.0.1:8222",
            door="127.0.0.1:7422",
            passwords={"ware-house": 'with "quotes"'},
        )
    )
    assert lines[:4] == [
        'NATS_PASSWORD_WARE_HOUSE: "with \\"quotes\\""',
        'listen: "127.0.0.1:4222"',
        'http: "127.0.0.1:8222"',
        'leafnodes { listen: "127.0.0.1:7422" }',
    ]
    assert {'store_dir: "/a store"', "max_file_store: 10GB", "sync_interval: always"} <= set(lines)
    assert {"jetstream: enabled", "system_account: SYSTEM", '"ware-house" {'} <= set(lines)
    exports = lines[lines.index("exports: [") + 1 :]
    exported = [json.loads(line) for line in exports[: exports.index("]")]]
    by_name = {each["service"]: each for each in exported}
    pull = by_name["$JS.API.CONSUMER.MSG.NEXT.SALES.ware-house"]
    assert pull["accounts"] == ["ware-house"]
    assert (pull["response_type"], pull["response_threshold"]) == ("stream", "5m")
    assert by_name["$JS.ACK.SALES.ware-house.>"]["response_type"] == "stream"
    assert by_name["$JS.API.CONSUMER.INFO.SALES.ware-house"] == {
        "service": "$JS.API.CONSUMER.INFO.SALES.ware-house",
        "accounts": ["ware-house"],
    }
    own = lines[lines.index('"ware-house" {') :]
    rights = rights_of_subscriber("ware-house")
    permitted = json.dumps(permissions("ware-house", rights))
    assert own[1:3] == [
        'mappings: {"$JS.API.>": "$JS.guichet.API.>"}',
        'users: [{ user: "ware-house", password: $NATS_PASSWORD_WARE_HOUSE, permissions: '
        + permitted
        + " }]",
    ]
    imports = own[own.index("imports: [") + 1 :]
    assert [json.loads(line) for line in imports[: imports.index("]")]] == [
        {"service": {"account": "GUICHET", "subject": right}, "to": subject_outside(right)}
        for right in rights
    ]
    bare = lines_of(nats_config(listen="127.0.0.1:4222", store="/store", subscribers=[]))
    assert bare[0] == 'listen: "127.0.0.1:4222"'
    assert not [line for line in bare if line.startswith(("http", "leafnodes"))]


def test_nats_takes_the_configuration_as_it_is(tmp_path):
    config = nats_config(
        listen="127.0.0.1:4222",
        store=str(tmp_path / "store"),
        subscribers=["warehouse"],
        passwords=dict.fromkeys(users(["warehouse"]), "a secret"),
    )
    (tmp_path / "nats.conf").write_text(config)
    command = [program("nats-server"), "-t", "-c", tmp_path / "nats.conf"]
    read = subprocess.run(command, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr


def test_the_door_holds_other_systems_alone():
    lines = lines_of(
        door_config(
            listen="0.0.0.0:4223",
            inside="broker:7422",
            subscribers=["warehouse"],
            certificate="/tls/cert.pem",
            key="/tls/key.pem",
            passwords={"warehouse": "a/b c", "sales": "not here"},
            monitor="127.0.0.1:8223",
        )
    )
    assert lines[:4] == [
        'NATS_PASSWORD_WAREHOUSE: "a/b c"',
        'listen: "0.0.0.0:4223"',
        'http: "127.0.0.1:8223"',
        'tls { cert_file: "/tls/cert.pem", key_file: "/tls/key.pem" }',
    ]
    remote = json.loads(lines[lines.index("leafnodes { remotes: [") + 1])
    assert remote == {
        "url": "nats-leaf://warehouse:a%2Fb%20c@broker:7422",
        "account": "warehouse",
    }
    assert [line for line in lines if line.endswith('" {')] == ['"warehouse" {']
    assert not [line for line in lines if "not here" in line]
