"""Run the sales service, or look after it: `python -m sales --help`."""

from chassis.command import main, service_command

command = service_command("sales")

if __name__ == "__main__":
    main(command)
