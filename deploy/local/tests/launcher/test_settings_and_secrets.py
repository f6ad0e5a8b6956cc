"""What the launcher is told, and what it keeps secret."""

import json
import stat

import pytest

from local.launcher.machine.processes import CannotStart
from local.launcher.machine.vault import Vault
from local.launcher.settings import PARTS_WITH_PORTS, LocalSettings


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path):
    file = tmp_path / "secrets.json"
    vault = Vault(file)
    first = vault["nats sales"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(first) >= 32
    assert Vault(file)["nats sales"] == first
    assert Vault(file)["nats tickets"] != first
    assert set(json.loads(file.read_text())) == {"nats sales", "nats tickets"}


def test_a_setting_that_is_wrong_is_named(monkeypatch):
    monkeypatch.setenv("GUICHET_NATS_PORT", "many")
    with pytest.raises(CannotStart, match="GUICHET_NATS_PORT"):
        LocalSettings.read()


def test_port_zero_asks_for_a_free_one(tmp_path):
    settings = LocalSettings.on_free_ports(tmp_path)
    ports = {getattr(settings, name) for name in PARTS_WITH_PORTS.values()}
    assert len(ports) == len(PARTS_WITH_PORTS)
    assert 0 not in ports


def test_a_relative_folder_is_meant_from_where_the_person_stands(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GUICHET_STATE", "some state")
    assert LocalSettings.read().state == tmp_path / "some state"


def test_other_systems_are_a_list(monkeypatch):
    monkeypatch.setenv("GUICHET_SUBSCRIBERS", "warehouse, accounting,")
    assert LocalSettings.read().other_systems == ["warehouse", "accounting"]
