"""Run the identity service, or manage staff accounts: `python -m identity --help`."""

from chassis.starting import main

if __name__ == "__main__":
    main("identity")
