"""Run the tickets service, or look after it: `python -m tickets --help`."""

from chassis.starting import main

if __name__ == "__main__":
    main("tickets")
