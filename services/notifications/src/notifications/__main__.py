"""Run the notifications service, or look after it: `python -m notifications --help`."""

from chassis.command import main, service_command

command = service_command("notifications")

if __name__ == "__main__":
    main(command)
