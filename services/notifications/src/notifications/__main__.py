"""Run the notifications service, or look after it: `python -m notifications --help`."""

from chassis.starting import main

if __name__ == "__main__":
    main("notifications")
