"""Restarts parts of a Guichet in another terminal: stops them, and its launcher starts them."""

from collections.abc import Sequence

from local.launcher import leftovers, running
from local.launcher.leftovers import Leftover
from local.launcher.machine.processes import CannotStart, Process, wait_until
from local.launcher.programs import Service
from local.launcher.screen import Steps
from local.launcher.settings import SERVICES
from local.launcher.stack import Stack

STARTING_SECONDS = 90


def part_names(stack: Stack) -> dict[str, Process]:
    """The parts by the names of their logs, as in `./guichet logs NAME`."""
    return {process.log.stem: process for process in stack.processes}


def restart(stack: Stack, names: Sequence[str]) -> None:
    """Restart these parts, or all: the servers one after the other, the services together.

    Before that, rights are granted, the services' databases migrated and their streams created.
    """
    known = part_names(stack)
    if unknown := [name for name in names if name not in known]:
        raise CannotStart(f"There is no part {unknown[0]}. There are: {', '.join(known)}")
    chosen = [process for name, process in known.items() if not names or name in names]
    services = [process for process in chosen if isinstance(process, Service)]
    with Steps() as steps:
        for server in chosen:
            if server not in services:
                with steps.step(server.name):
                    renew(stack, [server])
        if stack.nats in chosen:
            with steps.step("streams"):
                stack.set_up_streams()
        if services:
            with steps.step("databases and roles"):
                stack.make_databases()
            with steps.step("migrations"):
                # No others: services that keep running need the schema that they were written for.
                stack.migrate([each.name for each in services if each.name in SERVICES])
            with steps.step(", ".join(service.name for service in services)):
                renew(stack, services)
        with steps.step("every part is reached"):
            wait_for(stack.processes)
            if not wait_until(stack.routes_to_all, STARTING_SECONDS):
                raise CannotStart("The gateway does not reach every part: see its log.")


def renew(stack: Stack, processes: Sequence[Process]) -> None:
    """Stop them, and wait until the launcher has restarted them and they are ready."""
    if stack.postgres and stack.postgres in processes:
        stack.postgres.write_all()
    before = running.about(stack.state)["pids"]
    ending = [Leftover(each.name, before[each.name], each.stop_with) for each in processes]
    if still := leftovers.end(ending, max(each.stop_seconds for each in processes)):
        raise CannotStart(leftovers.cannot_be_ended(still))
    for process in processes:
        if not wait_until(lambda name=process.name: is_new(stack, name, before), STARTING_SECONDS):
            raise CannotStart(f"The launcher has not started {process.name}: see its terminal.")
    wait_for(processes)


def is_new(stack: Stack, name: str, before: dict[str, int]) -> bool:
    return running.about(stack.state).get("pids", before)[name] != before[name]


def wait_for(processes: Sequence[Process]) -> None:
    for process in processes:
        if not wait_until(process.is_ready, STARTING_SECONDS):
            raise CannotStart(
                f"{process.name} is not ready after {STARTING_SECONDS} s: see {process.log}"
            )
