"""Run the catalog service, or look after it: `python -m catalog --help`."""

from chassis.starting import main

if __name__ == "__main__":
    main("catalog")
