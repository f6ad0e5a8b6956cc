"""The servers take what the launcher gives them."""

import asyncio
import os
import subprocess

import psycopg
import pytest

from chassis.data.database import Database
from chassis.messaging import streams
from chassis.service import database_ready
from local.launcher import databases
from local.launcher.machine import servers
from local.launcher.machine.processes import CannotStart, free_port, wait_until
from local.launcher.machine.servers import PostgreSQL, unprivileged
from local.launcher.machine.supervise import Supervisor


def test_a_url_keeps_the_servers_options():
    made = databases.url_of("postgresql://root:x@db.example:5433/postgres?sslmode=require",
                            "sales", "sales_owner", "secret")  # fmt: skip
    assert made == "postgresql+psycopg://sales_owner:secret@db.example:5433/sales?sslmode=require"


def test_postgresql_lets_nobody_in_without_the_password_and_survives_a_kill(tmp_path):
    """And its end does not wait for those who are connected."""
    folder = tmp_path / "a folder with spaces"
    tmp_path.chmod(0o755)
    server = PostgreSQL(folder, free_port(), password="correct-horse")
    try:
        server.start()
        server.wait_for(server.is_ready, 60)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.url.replace("correct-horse", "guessed"))
        stranger = PostgreSQL(folder, server.port, password="guessed")
        with pytest.raises(CannotStart, match="made with another password than the secrets hold"):
            stranger.is_ready()
        assert asyncio.run(reason_of(stranger)) == (
            f'connection to server at "127.0.0.1", port {server.port} failed: FATAL:  password'
            ' authentication failed for user "postgres": correct the password in'
            " GUICHET_DATABASE_URL"
        )
        with psycopg.connect(server.url) as connection:
            connection.execute("create table kept (word text)")
            connection.execute("insert into kept values ('still here')")
        assert server.running
        server.running.kill()
        # It refuses to start as long as a process of the killed one has not ended: the launcher
        # tries again.
        launcher = Supervisor([server], lambda _: None, pauses=(0.2,))
        assert wait_until(lambda: not launcher.look() and server.is_ready(), 60)
        connection = psycopg.connect(server.url)  # in a transaction, as a pool may leave it
        assert connection.execute("select * from kept").fetchall() == [("still here",)]
        server.stop()
        assert server.last_words(1).endswith("database system is shut down"), "it was killed"
        with pytest.raises(psycopg.OperationalError, match="terminating connection"):
            connection.execute("select 1")
    finally:
        server.stop()


async def reason_of(server: PostgreSQL) -> str | None:
    """What a service says that stands on it."""
    database = Database(server.url.replace("postgresql:", "postgresql+psycopg:", 1))
    try:
        return await database_ready("sales", database)
    finally:
        await database.close()


def test_root_runs_postgresql_as_somebody_else():
    expected = {"unshare", "setpriv"} if os.geteuid() == 0 else {None}
    assert (unprivileged() or [None])[0] in expected


def test_nats_accepts_the_configuration(tmp_path):
    others = ["subscriber", "ware-house"]
    config = streams.nats_config(
        listen="127.0.0.1:4222", store=str(tmp_path / "a store"), subscribers=others
    )
    file = tmp_path / "nats.conf"
    file.write_text(config)
    secrets = {streams.password_variable(user): "s3cret" for user in streams.users(others)}
    done = subprocess.run(
        [servers.program("nats-server"), "-t", "-c", file],
        env={**servers.BARE, **secrets},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "s3cret" not in config
