"""Services are forked from one process, and share nothing with it that they must not."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local.launcher.leftovers import Leftover
from local.launcher.machine import preloader as preloading
from local.launcher.machine.preloader import Preloader
from local.launcher.machine.processes import CannotStart, Forked, free_port, wait_until
from local.launcher.machine.servers import get
from local.launcher.programs import Service
from local.launcher.settings import ROOT
from memory import holds

SECRETS = {"shop": "a-secret-of-the-shop", "store": "a-secret-of-the-store"}
APP = """
import json, os, random, secrets, ssl, sys, threading
from chassis.data.database import new_id
from uuid_utils import uuid7
from contracts import topology

DRAWN = {
    "random": random.getrandbits(128), "secrets": secrets.token_hex(16),
    "ssl": ssl.RAND_bytes(16).hex(), "uuid7": str(uuid7(nanoseconds=1)),
}
ABOUT = {
    "pid": os.getpid(), "environment": dict(os.environ), "session": os.getsid(0),
    "folder": os.getcwd(), "standard input": os.readlink("/proc/self/fd/0"),
    "files": [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")[:-1]],
    "commit": getattr(topology, "COMMIT", None),
}

async def answer(scope, receive, send):
    if scope["type"] == "lifespan":
        for done in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{done}.complete"})
        return
    body = json.dumps({"drawn": DRAWN, "about": ABOUT}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})

def create_app():
    return answer
"""
MAIN = """
import sys
from chassis.starting import main
main(sys.argv[0].split("/")[-2], serve_only=True)
"""
SETTINGS = "from chassis.settings import CommonSettings as Settings\n"


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    """A copy of what is preloaded, which may be changed, and two services beside it."""
    root = tmp_path_factory.mktemp("checkout")
    for folder in ("contracts/src/contracts", "libs/chassis/src/chassis"):
        subprocess.run(["cp", "-r", ROOT / folder, root], check=True)
    for package in SECRETS:
        (root / package).mkdir()
        (root / package / "app.py").write_text(APP)
        (root / package / "__main__.py").write_text(MAIN)
        (root / package / "settings.py").write_text(SETTINGS)
    return root


@pytest.fixture(scope="module")
def started(sources):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(sources))
        patch.setenv("GUICHET_POSTGRES_URL", "postgresql://root:all-doors@127.0.0.1:1/postgres")
        preloader = Preloader(sources / "preloader.log")
    services = {
        name: Service(
            name,
            free_port(),
            sources / f"{name}.log",
            {**(preloader.environment or {}), "GUICHET_WEB_SECRET": secret},
            preloader=preloader,
        )
        for name, secret in SECRETS.items()
    }
    try:
        for service in services.values():
            service.start()
        for service in services.values():
            service.wait_for(service.is_ready, 60)
        yield services
    finally:
        for each in (*services.values(), preloader):
            each.stop()


@pytest.fixture
def services(started):
    """All forked, whatever the test before has done to them."""
    shop, store = started.values()
    preloader = shop.preloader
    if not (
        preloader.is_alive()
        and all(isinstance(each.running, Forked) and each.is_alive() for each in (shop, store))
    ):
        for each in (shop, store, preloader):
            each.stop()
        for each in (shop, store):
            each.start()
            each.wait_for(each.is_ready, 60)
    return started


def answers(service: Service) -> dict[str, dict]:
    return json.loads(get(service.port, "/") or b"{}")


def test_each_is_a_process_of_its_own(services):
    for name, service in services.items():
        about, process = answers(service)["about"], psutil.Process(service.pid)
        assert about["pid"] == service.pid == about["session"]
        assert process.ppid() == os.getpid()
        assert process.name() == name
        assert (about["folder"], about["standard input"]) == ("/", os.devnull)
        assert str(service.log) in about["files"]
        assert not [file for file in about["files"] if "preloader" in file or "memfd" in file]


def test_each_has_its_own_environment_and_nothing_of_the_others(services):
    preloader = services["shop"].preloader
    for name, service in services.items():
        assert answers(service)["about"]["environment"] == service.environment
        for each, secret in SECRETS.items():
            assert holds(service.pid, secret) is (each == name)
        assert not holds(service.pid, "all-doors")
    for secret in (*SECRETS.values(), "all-doors"):
        assert not holds(preloader.pid, secret)


def test_what_they_are_forked_from_has_begun_nothing(services):
    process = psutil.Process(services["shop"].preloader.pid)
    assert process.num_threads() == 1
    assert process.net_connections() == []
    opened = {int(each.name): each for each in Path(f"/proc/{process.pid}/fd").iterdir()}
    more = [str(each.readlink()).partition(":")[0] for fd, each in opened.items() if fd > 2]
    assert more == ["socket"]


def test_what_they_draw_by_chance_differs(services):
    one, other = (answers(service)["drawn"] for service in services.values())
    for kind, drawn in one.items():
        assert drawn != other[kind], kind


def test_how_a_killed_one_ended_is_shown_and_it_starts_again(services):
    shop = services["shop"]
    shop.running.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not shop.is_alive(), 60)
    assert shop.running.returncode == -signal.SIGKILL
    shop.start()
    shop.wait_for(shop.is_ready, 60)


def test_what_a_program_reads_as_it_begins_is_read(services):
    preloader, environment = services["shop"].preloader, services["shop"].environment
    assert preloader.can_become({**environment, "GUICHET_PORT": "1"})
    assert not preloader.can_become({**environment, "LD_PRELOAD": "libfaketime.so"})


def test_without_what_it_was_forked_from_a_service_goes_on(services, sources):
    """The next start makes another one, of the code of now; or goes without, and says why."""
    shop, store = services.values()
    module = sources / "contracts/topology.py"
    right = module.read_text()
    os.kill(shop.preloader.pid, signal.SIGKILL)
    shop.stop()
    module.write_text("this is no Python")
    shop.start()
    assert shop.preloader.pid is None
    with pytest.raises(CannotStart, match="SyntaxError"):
        shop.wait_for(shop.is_ready, 60)
    assert answers(store)["about"]["pid"] == store.pid
    module.write_text(f"{right}\nCOMMIT = 2\n")
    shop.preloader.stop()
    shop.start()
    shop.wait_for(shop.is_ready, 60)
    assert answers(shop)["about"]["commit"] == 2
    assert psutil.Process(shop.pid).name() == "shop"


@pytest.mark.parametrize(
    ("name", "value"),
    [("ADOPTING", 0), ("IS_POSSIBLE", False)],
    ids=["a kernel that refuses to adopt", "not Linux"],
)
def test_where_nobody_can_adopt_they_start_by_themselves(services, monkeypatch, name, value):
    shop = services["shop"]
    shop.stop()
    shop.preloader.stop()
    monkeypatch.setattr(preloading, name, value)
    shop.start()
    shop.wait_for(shop.is_ready, 60)
    assert shop.preloader.pid is None
    assert psutil.Process(shop.pid).cmdline()[-1] == str(shop.port)


def test_where_nothing_under_proc_can_be_written_they_are_forked(services):
    shop = services["shop"]
    shop.stop()
    shop.preloader.stop()
    shop.preloader.prefix = READ_ONLY if is_done(*READ_ONLY, "true") else []
    shop.start()
    shop.wait_for(shop.is_ready, 60)
    assert shop.preloader.is_alive()
    shop.preloader.prefix = []
    shop.preloader.stop()


READ_ONLY = [
    "unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--mount", "--",
    "sh", "-c", 'mount --rbind /proc /proc && mount -o remount,bind,ro /proc && exec "$@"', "sh",
]  # fmt: skip


def is_done(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_who_does_not_answer_is_asked_once_and_for_a_short_time(services, monkeypatch):
    """What it forks later knows nothing and ends."""
    monkeypatch.setattr(preloading, "ANSWER_SECONDS", 0.5)
    shop, store = services.values()
    preloader = shop.preloader
    for each in (shop, store, preloader):
        each.stop()
    preloader.start()
    hanging = preloader.pid
    os.kill(hanging, signal.SIGSTOP)
    for each in (shop, store):
        each.start()
        each.wait_for(each.is_ready, 60)
        assert psutil.Process(each.pid).cmdline()[-1] == str(each.port)
    assert preloader.pid is None
    assert not psutil.pid_exists(hanging)


def test_nobody_goes_on_whom_the_launcher_does_not_know(services):
    preloader = services["shop"].preloader
    preloader.stop()
    preloader.start()
    log = Path(preloader.log.parent / "unknown.log")
    ours, theirs = socket.socketpair()
    with preloading.adopting(), log.open("wb") as file, theirs:
        program = {"package": "store", "arguments": []}
        socket.send_fds(
            preloader.requests, [json.dumps(program).encode()], [file.fileno(), theirs.fileno()]
        )
        ours.settimeout(30)
        unknown = Forked(int(ours.recv(20)))
    assert unknown.poll() is None
    ours.close()
    assert unknown.wait(10) == 1
    assert log.read_text() == ""


def test_others_orphans_that_came_along_are_collected(services):
    shop = services["shop"]
    shop.stop()
    parent = "import os; print(os.fork() or os.read(0, 1) and '', flush=True); os.read(0, 1)"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin
        assert other.stdout
        orphan = int(other.stdout.readline())
        before = preloading.children()
        with preloading.adopting():
            other.kill()
            assert wait_until(lambda: orphan in preloading.children(), 60)
        shop.preloader.strangers |= preloading.children() - before
        other.stdin.close()
    assert wait_until(lambda: psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE, 60)
    shop.start()
    shop.wait_for(shop.is_ready, 60)
    assert not psutil.pid_exists(orphan)


LAUNCHER = """
import signal, sys, time
from pathlib import Path
from local.launcher.machine.preloader import Preloader
from local.launcher.programs import Service
folder, port = Path(sys.argv[1]), int(sys.argv[2])
preloader = Preloader(folder / "other preloader.log")
service = Service(
    "shop", port, folder / "other.log", preloader.environment, preloader=preloader
)
if "ignoring" in sys.argv:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
service.start()
print(preloader.pid, service.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("children", ["heeding", "ignoring"])
def test_they_end_with_their_launcher(sources, children):
    """Also where whoever started the launcher has it ignore the end of its children."""
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, sources, str(free_port()), children],
        env={**os.environ, "PYTHONPATH": str(sources)}, stdout=subprocess.PIPE, text=True,
    ) as launcher:  # fmt: skip
        assert launcher.stdout
        pids = [int(pid) for pid in launcher.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(psutil.pid_exists, pids))
        assert {each.pid for each in psutil.Process(launcher.pid).children()} == set(pids)
        assert psutil.Process(pids[1]).name() == "shop"
        launcher.kill()
    left = [Leftover("a part", pid) for pid in pids]
    assert wait_until(lambda: not any(each.is_there() for each in left), 60)
