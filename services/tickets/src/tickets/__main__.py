"""Run the tickets service, or look after it: `python -m tickets --help`."""

from chassis.command import main, service_command

command = service_command("tickets")

if __name__ == "__main__":
    main(command)
