"""Fill .venv with what a lock names, then hand over to it: the launcher's work on a first start.

Run by any Python of the machine, before anything is installed: only the standard library here.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from local.launcher.machine.processes import CannotStart, dying_with_us

TERMINATION_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REPORTS_EVERY = 10.0  # seconds, where lines cannot be redrawn
STOP_SECONDS = 10.0  # seconds that a stopped installer has before it is killed
WIDTH = 78


class Interrupted(Exception):
    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.exit_code = 128 + signum


class Environment:
    """The .venv of one checkout. Once complete, it has stamp files that name its locks."""

    def __init__(self, root: Path, sources: list[str], accepted: dict[str, str]) -> None:
        self.root, self.sources, self.accepted = root, sources, accepted
        self.lock, self.stamp = list(accepted.items())[-1]
        self.venv = root / ".venv"
        self.python = self.venv / "bin" / "python"
        self.requirements = root / "locks" / f"{self.lock}.txt"
        self.unfinished = self.venv / "guichet-unfinished"
        self.log = root / ".guichet" / "install.log"

    def is_complete(self) -> bool:
        """Whether it holds one of the locks that suit."""
        held = {lock: self.venv / f"guichet-{lock}" for lock in self.accepted}
        return any(
            file.exists() and file.read_text().strip() == self.accepted[lock]
            for lock, file in held.items()
        ) and os.access(self.python, os.X_OK)

    def install(self) -> None:
        """All of it; what an interrupted one has left behind is thrown away first."""
        began = time.monotonic()
        say(f"Installing the Python packages of locks/{self.lock}.txt"
            " (the first time takes a minute) ...")  # fmt: skip
        self.log.write_bytes(b"")
        for held in self.venv.glob("guichet-[ar]*"):
            held.unlink()
        if self.unfinished.exists() or not self.runs("-c", ""):
            shutil.rmtree(self.venv, ignore_errors=True)
        if not (shutil.which("uv") and self.with_uv()):
            # uv is quicker, but does not read pip's configuration of indexes and certificates.
            self.with_pip()
        self.add_sources()
        (self.venv / f"guichet-{self.lock}").write_text(self.stamp)
        self.unfinished.unlink(missing_ok=True)
        say(f"Installed after {time.monotonic() - began:.0f} s.")

    def with_uv(self) -> bool:
        links = os.environ.get("UV_LINK_MODE", "hardlink")
        made = self.python.exists() or self.run("uv", "venv", "--python", base_python(), self.venv)
        return made and self.run(
            "uv", "pip", "sync", "--python", self.python, "--require-hashes",
            "--compile-bytecode", self.requirements, changes=True, UV_LINK_MODE=links,
        )  # fmt: skip

    def with_pip(self) -> None:
        if not self.runs("-m", "pip", "--version"):
            require_venv()
            if not self.run(base_python(), "-m", "venv", "--clear", self.venv):
                raise CannotStart(f"{self.venv} cannot be made:\n{self.last_words()}")
        done = self.run(
            self.python, "-m", "pip", "install", "--no-deps", "--require-hashes",
            "--progress-bar", "off", "--requirement", self.requirements, changes=True,
            PIP_DISABLE_PIP_VERSION_CHECK="1",
        )  # fmt: skip
        if not done:
            raise CannotStart(f"The packages cannot be installed:\n{self.last_words()}")

    def add_sources(self) -> None:
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        packages = subprocess.check_output([self.python, "-c", code], text=True).strip()
        lines = "".join(f"{self.root / folder}\n" for folder in self.sources)
        (Path(packages) / "guichet.pth").write_text(lines)

    def runs(self, *arguments: str) -> bool:
        with contextlib.suppress(OSError):
            done = subprocess.run([self.python, *arguments], capture_output=True, check=False)
            return done.returncode == 0
        return False

    def run(self, *command: str | Path, changes: bool = False, **more: str) -> bool:
        """One installer, whose words go to the log and the last of them to the terminal.

        Interrupted, it is ended before this returns. One that `changes` packages and is not left
        to end by itself leaves `unfinished` behind.
        """
        if changes:
            self.unfinished.touch()
        with self.log.open("ab") as log:
            installer = subprocess.Popen(
                [*dying_with_us("TERM"), *command],
                env={**os.environ, **more},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        with Progress() as progress:
            try:
                while installer.poll() is None:
                    progress.report(self.last_words(lines=1))
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        installer.wait(0.5)
            except BaseException:
                end(installer)
                raise
        if changes:
            self.unfinished.unlink()
        return installer.returncode == 0

    def last_words(self, lines: int = 12) -> str:
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 8_000))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])


def end(installer: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(installer.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            installer.wait(STOP_SECONDS)
            return


def base_python() -> str:
    """The Python that a .venv is made of, also where this one is a .venv's own."""
    return getattr(sys, "_base_executable", sys.executable)


def require_venv() -> None:
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian keeps them apart
        import venv  # noqa: F401, PLC0415
    except ImportError:
        name = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        raise CannotStart(
            f"This Python has no venv module; on Debian and Ubuntu: apt install {name}"
        ) from None


# ---- One at a time ----------------------------------------------------------------------


@contextlib.contextmanager
def exclusively(folder: Path) -> Generator[None]:
    """Hold the lock, waiting for it as long as needed; no child inherits it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "install.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Waiting for another ./guichet{holder(file)}, which installs the packages ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)


def holder(file: IO[str]) -> str:
    file.seek(0)
    pid = file.read()
    return f" (process {pid})" if pid else ""


@contextlib.contextmanager
def interruptible() -> Generator[None]:
    """Turn each termination signal into `Interrupted`, also where Ctrl-C was ignored."""

    def interrupt(signum: int, _: FrameType | None) -> None:
        for each in TERMINATION_SIGNALS:  # a second signal would cut short the installer's own end
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(signum)

    for each in TERMINATION_SIGNALS:
        signal.signal(each, interrupt)
    yield
    for each in TERMINATION_SIGNALS:
        signal.signal(each, signal.SIG_DFL)


# ---- What the terminal shows ------------------------------------------------------------


class Progress:
    """How long it has taken and the installer's last words, on a line of their own."""

    def __init__(self) -> None:
        self.began = self.reported = time.monotonic()
        self.redraws = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self.redraws:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()

    def report(self, words: str) -> None:
        now = time.monotonic()
        line = f"{now - self.began:4.0f} s  {words.strip()}"[:WIDTH]
        if self.redraws:
            sys.stderr.write(f"\r\033[K{line}")
            sys.stderr.flush()
        elif now - self.reported >= REPORTS_EVERY:
            self.reported = now
            say(line)


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


# ---- All of it --------------------------------------------------------------------------


def main(root: str, sources: str, stamps: str, *words: str) -> NoReturn:
    """Of `stamps`, a line each, any suits and the last is installed; `words` are the person's."""
    os.environ.pop("PYTHONPATH")  # by which this module was found
    accepted = dict(line.split(" ", 1) for line in stamps.splitlines())
    environment = Environment(Path(root), sources.split(), accepted)
    try:
        with interruptible(), exclusively(environment.log.parent):
            if not environment.is_complete():  # nobody else has just done it
                environment.install()
    except Interrupted as interrupted:
        say("Interrupted: the next ./guichet goes on with the installation.")
        raise SystemExit(interrupted.exit_code) from None
    except (CannotStart, OSError, subprocess.CalledProcessError) as reason:
        say(f"guichet: {reason}")
        raise SystemExit(1) from None
    os.execv(environment.python, [environment.python, "-P", "-m", "local", *words])  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
