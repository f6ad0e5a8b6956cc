"""A Guichet of the tests' own in containers: built, started, asked, and gone without a trace."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from local.containers.engine import Compose, Replica, docker
from local.launcher.machine.processes import free_port
from local.launcher.settings import ROOT, SERVICES

PARTS = (*SERVICES, "web")
ADMINISTRATOR, PASSWORD = "ada.ministre@example.org", "sept parapluies oranges"


class Installation:
    """`folder` takes its settings and secrets; its images have a tag of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        clean = {n: v for n, v in os.environ.items() if not n.startswith("GUICHET_")}
        self.settings = {
            "GUICHET_PORT": str(self.port),
            "GUICHET_PUBLIC_URL": self.url,
            "GUICHET_SECRETS": str(folder / "secrets"),
            "GUICHET_VERSION": name,
        }
        self.environment = clean | self.settings
        self.compose = Compose(name, env_file=folder / ".env", environment=clean)

    # ---- From nothing to the first administrator ----------------------------------------

    def init(self) -> str:
        """By the command that an operator uses."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "local", "compose", "init", "--folder", self.folder],
            env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> None:
        self.compose.checked("up", "--detach", "--build", seconds=1800)
        for part in PARTS:
            self.compose.wait_for(part, 1)

    def add_administrator(self) -> None:
        """Unless an earlier run has."""
        if ADMINISTRATOR in self.compose.checked(
            "run", "--rm", "--no-TTY", "identity", "staff", "list"
        ):
            return
        done = self.compose.run(
            "run", "--rm", "--no-TTY", "identity", "staff", "add", "--email", ADMINISTRATOR,
            "--first-name", "Ada", "--last-name", "Ministre", "--role", "administrator",
            "--password-stdin", typed=PASSWORD,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def image(self, part: str) -> str:
        return f"guichet-{part}:{self.name}"

    def remove(self) -> None:
        """Containers, networks, volumes and images; the cache of builds stays for the next time."""
        self.compose.run(
            "--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "5"
        )
        for part in (*PARTS, "gateway"):
            subprocess.run(["docker", "image", "rm", "--force", self.image(part)], check=False,
                           capture_output=True)  # fmt: skip

    # ---- Questions ----------------------------------------------------------------------

    def containers(self) -> list[dict]:
        """All that Docker knows about each."""
        ids = self.compose.checked("ps", "--all", "--quiet").split()
        return json.loads(docker("inspect", *ids))

    def inside(self, container: str, *command: str, typed: str | None = None) -> str:
        """What a command says that is run in a container."""
        done = subprocess.run(
            ["docker", "exec", *(["--interactive"] if typed else []), container, *command],
            input=typed, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def get_inside(self, container: str, url: str) -> str:
        """What one container is answered by another, or by itself."""
        program = (
            f"import urllib.request as r; print(r.urlopen({url!r}, timeout=10).read().decode())"
        )
        return self.inside(container, "python", "-c", program)

    def only(self, part: str) -> Replica:
        """The one replica of a part that has no more."""
        [replica] = self.compose.replicas(part)
        return replica

    def sql(self, database: str, query: str) -> list[str]:
        """Rows, their columns separated by bars; as the superuser, beside the server."""
        rows = self.inside(
            self.only("postgres").id, "psql", "-U", "postgres", "-d", database, "-AtX", "-c", query
        )
        return rows.splitlines()

    def routes(self) -> list[dict]:
        """Traefik's own view of them."""
        return self.ask_traefik("http/routers")

    def ask_traefik(self, path: str) -> list[dict]:
        address = f"http://gateway:8081/traefik/api/{quote(path)}?per_page=1000"
        return json.loads(self.get_inside(self.only("web").id, address))

    def metrics_of(self, replica: Replica) -> str:
        return self.get_inside(replica.id, "http://127.0.0.1:8000/metrics")

    def requests_of(self, replica: Replica, route: str) -> int:
        """How many requests of these routes one replica has answered, by its own count."""
        return sum(
            int(float(line.rsplit(" ", 1)[1]))
            for line in self.metrics_of(replica).splitlines()
            if line.startswith("guichet_request_seconds_count") and f'route="{route}' in line
        )

    def cpu_seconds(self, part: str) -> float:
        """What all replicas of a part have used since each started."""
        return sum(self.cpu_of(replica.id) for replica in self.compose.replicas(part))

    def cpu_of(self, container: str) -> float:
        program = (
            "cat /sys/fs/cgroup/cpu.stat 2>/dev/null || cat /sys/fs/cgroup/cpuacct/cpuacct.usage"
        )
        figure = self.inside(container, "sh", "-c", program).split()
        return int(figure[1]) / 1e6 if figure[0] == "usage_usec" else int(figure[0]) / 1e9

    # ---- Harm ---------------------------------------------------------------------------

    def kill_process_of(self, replica: Replica) -> None:
        """As if it had crashed. To stop the container would be a wish, and it would stay stopped."""
        pid = docker("inspect", "--format", "{{.State.Pid}}", replica.id).strip()
        docker(
            "run", "--rm", "--pid", "host", "--user", "0", "--entrypoint", "python",
            self.image("web"), "-c", f"import os; os.kill({pid}, 9)",
        )  # fmt: skip


__all__ = ["ADMINISTRATOR", "PARTS", "PASSWORD", "ROOT", "Installation"]
