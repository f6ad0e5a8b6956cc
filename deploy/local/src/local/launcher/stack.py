"""All the parts together: made ready in order, stopped in the opposite one."""

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

import psycopg

from chassis.messaging import streams
from local.launcher import assets, databases, leftovers
from local.launcher.machine import loops
from local.launcher.machine.preloader import Preloader
from local.launcher.machine.processes import CannotStart, Process, is_taken, wait_until
from local.launcher.machine.servers import Broker, Gateway, MailCatcher, PostgreSQL, make_state
from local.launcher.machine.vault import Vault
from local.launcher.programs import Service, begin, python, stop_all
from local.launcher.settings import PARTS_WITH_PORTS, ROOT, SERVICES, LocalSettings

Step = Callable[[str], contextlib.AbstractContextManager[object]]

# Compiled at the installation; a process that may not keep bytecode spends seconds importing.
HIDDEN_FROM_SERVICES = (
    "PYTHONDONTWRITEBYTECODE",
    "GUICHET_POSTGRES_URL",
    "GUICHET_DATABASE_URL",
    "GUICHET_MIGRATION_URL",
)
# Whoever tries it out would not wait two minutes, and nobody's mail server has to be spared.
LEAVING_SECONDS = 10
SHOWN_AT_ONCE = {"MAIL_GATHER_SECONDS": "10", "MAIL_PER_MINUTE": "600"}


class Stack:
    """Everything of one installation, whose state is one folder."""

    def __init__(self, settings: LocalSettings, *, reloads: bool = False) -> None:
        """`reloads`: its services can take changed code without being started again."""
        self.settings, self.reloads = settings, reloads
        self.state = settings.state
        self.is_ready = False
        self.streams_made_in: int | None = None  # the process of NATS
        self.logs = self.state / "logs"
        make_state(self.state)
        self.vault = Vault(self.state / "secrets.json")
        self.postgres = self.own_postgres()
        self.nats = self.own_broker()
        self.preloader = Preloader(self.log("preloader"))
        self.mail = self.own_mail_catcher()
        self.gateway = Gateway(
            self.state / "gateway",
            ROOT / "gateway",
            public_port=settings.port,
            internal_port=settings.internal_port,
            servers={name: settings.port_of(name) for name in (*SERVICES, "web")},
            traces_url=settings.traces_url,
            traces_share=settings.traces_share,
            log=self.log("gateway"),
        )
        self.services = {
            name: Service(
                name,
                settings.port_of(name),
                self.log(name),
                self.environment(name),
                reloads=reloads,
                preloader=None if reloads else self.preloader,
            )
            for name in (*SERVICES, "web")
        }

    @classmethod
    def for_tests(cls, state: Path) -> Self:
        """On free ports, so that it runs beside anything else."""
        return cls(LocalSettings.on_free_ports(state))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ---- What others may know -----------------------------------------------------------

    @property
    def public_url(self) -> str:
        return self.settings.public_url

    @property
    def gateway_url(self) -> str:
        """The public entry point, by the address that it listens on."""
        return f"http://127.0.0.1:{self.settings.port}"

    @property
    def internal_url(self) -> str:
        return self.settings.internal_url

    @property
    def processes(self) -> list[Process]:
        """In the order of their start."""
        first = [self.postgres] if self.postgres else []
        mail = [self.mail] if self.mail else []
        return [*first, self.nats, *mail, self.gateway, *self.services.values()]

    def log(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    def environment(self, package: str) -> dict[str, str]:
        """The environment of this service and of its commands, without the secrets of others."""
        base = {n: v for n, v in os.environ.items() if not n.startswith(self.hidden_from(package))}
        variables = {
            "HOST": "127.0.0.1",
            "PORT": str(self.settings.port_of(package)),
            "INTERNAL_URL": self.settings.internal_url,
            "PUBLIC_URL": self.settings.public_url,
            "TRACES_URL": self.settings.traces_url,
            "TRACES_SHARE": str(self.settings.traces_share),
            "MAIL": "true",
        }
        variables |= self.for_web() if package == "web" else self.for_service(package)
        if package in {"identity", "notifications"}:
            variables["NOTIFICATIONS_SECRET"] = self.vault["notifications"]
        if package == "notifications":
            variables |= self.for_mail()
        return base | {f"GUICHET_{name}": value for name, value in variables.items()}

    def hidden_from(self, package: str) -> tuple[str, ...]:
        """How variables begin that it is not shown, were they set out there."""
        settings = () if package == "notifications" else ("GUICHET_MAIL_",)
        server = () if package == "notifications" and not self.mail else ("GUICHET_SMTP_",)
        return (*HIDDEN_FROM_SERVICES, *settings, *server)

    def for_service(self, service: str) -> dict[str, str]:
        return {
            "DATABASE_URL": self.database_url(service),
            "NATS_URL": self.nats.url,
            "NATS_USER": service,
            "NATS_PASSWORD": self.nats_password(service),
            **({"FILES_FOLDER": str(self.state / "files")} if service == "tickets" else {}),
        }

    def for_migrations(self, service: str) -> dict[str, str]:
        """The owner's way in: for the command that changes the schema, and for no other process."""
        owner = self.database_url(service, databases.owner(service))
        return self.environment(service) | {"GUICHET_MIGRATION_URL": owner}

    def for_web(self) -> dict[str, str]:
        folder = self.settings.assets or ROOT / "node_modules"
        caught = {"CAUGHT_MAIL": str(self.mail.folder)} if self.mail else {}
        return {"ASSETS": str(folder), "WEB_SECRET": self.vault["web"]} | caught

    def for_mail(self) -> dict[str, str]:
        """The way to the catcher, unless a mail server is given: then as the environment says."""
        if self.mail is None:
            return {"SMTP_HOST": self.settings.smtp_host}
        hasty = {n: v for n, v in SHOWN_AT_ONCE.items() if f"GUICHET_{n}" not in os.environ}
        return hasty | {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(self.mail.port),
            "SMTP_TLS": "none",
        }

    @property
    def server_url(self) -> str:
        """The superuser's URL of the PostgreSQL in use."""
        given = self.settings.postgres_url
        return self.postgres.url if self.postgres else given.get_secret_value() if given else ""

    def database_url(self, service: str, role: str = "") -> str:
        role = role or service
        password = self.vault[f"postgres {role}"]
        return databases.url_of(self.server_url, service, role, password)

    # ---- Start --------------------------------------------------------------------------

    def start(self, step: Step = contextlib.nullcontext) -> None:
        """Make everything ready; whatever goes wrong stops what was started."""
        self.refuse_leftovers()
        try:
            self.start_servers(step)
            self.start_services(step)
        except BaseException:
            self.stop()
            raise
        finally:
            self.preloader.stop()
        self.write_down(ready=True)

    def start_servers(self, step: Step) -> None:
        self.refuse_taken_ports()
        if not self.reloads:
            self.preloader.start()  # it imports while the servers start
        with step("browser assets"):
            assets.bring(self.settings.assets)
        self.nats.start()
        if self.mail:
            self.mail.start()
        self.gateway.start()  # takes its time, and no part of ours waits for it until the end
        with step("PostgreSQL"):
            if self.postgres:
                self.postgres.start()
                self.write_down()
                self.postgres.wait_for(self.postgres.is_ready, 60)
        with step("databases and roles"):
            self.make_databases()
        with step("NATS JetStream"):
            self.nats.wait_for(self.nats.is_ready, 20)
            self.set_up_streams()
        with step("migrations"):
            self.migrate()
        if self.mail:
            with step("mail, caught"):
                self.mail.wait_for(self.mail.is_ready, 20)

    def start_services(self, step: Step) -> None:
        for service in self.services.values():
            service.start()
        self.write_down()
        for name, service in self.services.items():
            with step(name):
                service.wait_for(service.is_ready, 60)
        with step("gateway"):
            self.gateway.wait_for(self.routes_to_all, 30)

    def own_postgres(self) -> PostgreSQL | None:
        if self.settings.postgres_url:
            return None
        return PostgreSQL(
            self.state / "postgres",
            self.settings.postgres_port,
            password=self.vault["postgres"],
            log=self.log("postgres"),
        )

    def make_databases(self) -> None:
        try:
            databases.make(self.server_url, SERVICES, self.vault)
        except psycopg.Error as refused:
            server = "PostgreSQL" if self.postgres else "The server of GUICHET_POSTGRES_URL"
            raise CannotStart(f"{server} refuses the databases and roles: {refused}") from None

    def own_broker(self) -> Broker:
        folder, others = self.state / "nats", self.settings.other_systems
        listen = f"127.0.0.1:{self.settings.nats_port}"
        return Broker(
            folder,
            self.settings.nats_port,
            config=streams.nats_config(
                listen=listen,
                store=str(folder),
                subscribers=others,
                max_file_store=self.settings.nats_store,
            ),
            secrets={
                streams.password_variable(user): self.nats_password(user)
                for user in streams.users(others)
            },
            log=self.log("nats"),
        )

    def own_mail_catcher(self) -> MailCatcher | None:
        if self.settings.smtp_host:
            return None
        return MailCatcher(self.state / "mail", self.settings.smtp_port, log=self.log("mail"))

    def nats_password(self, user: str) -> str:
        return self.vault[f"nats {user}"]

    def set_up_streams(self, *, recreate: Iterable[str] = ()) -> None:
        """Recreate the streams of `recreate` empty: their publishers publish all events again."""
        password, others = self.nats_password(streams.ADMIN), self.settings.other_systems
        loops.run(streams.set_up(self.nats.url, password, others, recreate=recreate))
        self.streams_made_in = self.nats.pid

    def refuse_leftovers(self) -> None:
        """After a launcher that was killed: its parts may still be ending, or cannot."""
        left = leftovers.found(self.running_file)
        if not wait_until(lambda: not any(each.is_there() for each in left), LEAVING_SECONDS):
            still = leftovers.named([each for each in left if each.is_there()])
            raise CannotStart(
                f"Parts of this Guichet are left from a launcher that was killed, and do not end:"
                f" {still}. ./guichet down ends them."
            )

    def refuse_taken_ports(self) -> None:
        needed = dict(PARTS_WITH_PORTS)
        if not self.postgres:
            del needed["PostgreSQL"]
        if not self.mail:
            del needed["mail"]
        taken = [
            (part, name) for part, name in needed.items() if is_taken(self.settings.port_of(part))
        ]
        if taken:
            named = ", ".join(f"{self.settings.port_of(part)} ({part})" for part, _ in taken)
            settings = ", ".join(f"GUICHET_{name.upper()}" for _, name in taken)
            raise CannotStart(
                f"In use already: port {named}. Stop what listens there, or choose others "
                f"with {settings}."
            )

    def migrate(self, services: Iterable[str] = SERVICES) -> None:
        """All at once, and none whose database is up to date."""
        behind = [s for s in services if not databases.is_migrated(self.server_url, s)]
        running = {
            service: begin(service, "migrate", environment=self.for_migrations(service))
            for service in behind
        }
        for service, process in running.items():
            output, _ = process.communicate()
            self.logs.mkdir(mode=0o700, exist_ok=True)
            with self.log(service).open("a") as log:
                log.write(output)
            if process.returncode:
                raise CannotStart(f"The migrations of {service} failed:\n{output[-2000:]}")

    def routes_to_all(self) -> bool:
        return self.gateway.is_ready() and all(map(self.gateway.reaches, self.services))

    # ---- Commands of the services -------------------------------------------------------

    def begin(self, package: str, *arguments: str) -> subprocess.Popen[str]:
        """A command of a service's own, with its environment; what it says is read later."""
        return begin(package, *arguments, environment=self.environment(package))

    def run(
        self, package: str, *arguments: str, typed: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The same, until its end, its words caught; `typed` is what it reads."""
        return subprocess.run(
            [*python(package), *arguments],
            env=self.environment(package),
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )

    # ---- Stop ---------------------------------------------------------------------------

    def stop(self, step: Step = contextlib.nullcontext) -> None:
        """Web first, then the gateway and the services, the servers last."""
        services = dict(self.services)
        self.preloader.stop()  # nothing is forked any more
        with step("web"):
            services.pop("web").stop()
        with step("gateway"):
            self.gateway.stop()
        with step("services"):
            stop_all(services.values())
        with step("servers"):
            stop_all([self.mail] if self.mail else [])
            stop_all([self.nats])
            stop_all([self.postgres] if self.postgres else [])
        self.running_file.unlink(missing_ok=True)

    # ---- What other terminals read ------------------------------------------------------

    @property
    def running_file(self) -> Path:
        return self.state / "running.json"

    def write_down(self, *, ready: bool = False) -> None:
        """Store the processes and ports for `status` and similar commands, and for cleaning up."""
        self.is_ready = self.is_ready or ready
        ports = {name: getattr(self.settings, name) for name in PARTS_WITH_PORTS.values()}
        alive = [process for process in self.processes if process.is_alive()]
        about = {
            "ready": self.is_ready,
            "public_url": self.settings.public_url,
            "smtp_host": self.settings.smtp_host,
            "ports": ports,
            "pids": {process.name: process.pid for process in self.processes},
            "processes": {
                process.name: {
                    "pid": process.pid,
                    "started": leftovers.started(process.pid),
                    "stop_with": process.stop_with,
                }
                for process in alive
            },
        }
        draft = self.running_file.with_suffix(".new")
        draft.write_text(json.dumps(about, indent=2))
        draft.replace(self.running_file)

    def take_note(self, say: Callable[[str], object]) -> None:
        """Note restarted parts; NATS may have come back without its streams."""
        self.preloader.stop()
        self.write_down()
        if self.nats.is_alive() and self.nats.pid != self.streams_made_in:
            try:
                self.set_up_streams()
            except streams.TROUBLE as trouble:
                say(f"NATS's streams were not made ({trouble!r}): ./guichet restart nats")
