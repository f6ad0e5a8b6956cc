"""Run by `test_processes`: the disk is full under a launcher and its mail catcher."""

import contextlib
import os
import smtplib
import sys
import threading
from email.message import EmailMessage
from pathlib import Path

from disks import Disk, mounted
from local.launcher.machine.processes import wait_until
from local.launcher.machine.supervise import Supervisor
from local.launcher.settings import LocalSettings
from local.launcher.stack import Stack


class FullDevice:
    """Where nobody may mount one: what is written goes to a device that is always full."""

    def __init__(self, state: Path) -> None:
        self.note, self.mails = state / "running.new", state / "mail" / "tmp"

    def fill(self) -> None:
        self.note.symlink_to("/dev/full")
        self.mails.rename(self.mails.with_name("away"))

    def make_room(self) -> None:
        self.note.unlink()
        self.mails.with_name("away").rename(self.mails)


def hand_over(port: int) -> str:
    """What the catcher says to a mail."""
    mail = EmailMessage()
    mail["From"], mail["To"] = "guichet@example.org", "ines@example.org"
    mail.set_content("Votre demande a reçu une réponse. " * 1_000)
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as server:
            server.send_message(mail)
    except smtplib.SMTPDataError as refused:
        return f"{refused.smtp_code} {refused.smtp_error!r}"
    return "250"


def report(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(folder: Path, kind: str) -> None:
    stack = Stack(LocalSettings.on_free_ports(folder / "state"))
    catcher = stack.mail
    assert catcher is not None
    catcher.start()
    catcher.wait_for(catcher.is_ready, 60)
    stack.write_down(ready=True)
    supervisor = Supervisor([catcher], report, pauses=(0.1,))
    threading.Thread(target=supervisor.watch, args=(stack.write_down, 0.05), daemon=True).start()

    disk = {"small": Disk, "device": FullDevice}[kind](stack.state)
    disk.fill()
    report(f"full: {hand_over(catcher.port)}")
    before, noted = catcher.pid, stack.running_file.read_text()
    os.kill(before or 0, 9)
    wait_until(lambda: catcher.pid != before and catcher.is_ready(), 60)
    wait_until(lambda: supervisor.trouble != "", 60)
    is_noted = noted != stack.running_file.read_text()
    report(f"supervised: {catcher.is_ready()} noted: {is_noted}")

    disk.make_room()
    wait_until(lambda: supervisor.trouble == "", 60)
    is_noted = f'"mail": {catcher.pid}' in stack.running_file.read_text()
    report(f"noted: {is_noted}")
    report(f"room: {hand_over(catcher.port)}")
    catcher.stop()


if __name__ == "__main__":
    folder, kind = Path(sys.argv[1]), sys.argv[2]
    with mounted({folder: 1}) if kind == "small" else contextlib.nullcontext():
        main(folder, kind)
