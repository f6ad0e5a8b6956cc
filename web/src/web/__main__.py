"""Run the web frontend: `python -m web --help`."""

from chassis.serving import http_command, main

command = http_command("web")

if __name__ == "__main__":
    main(command)
