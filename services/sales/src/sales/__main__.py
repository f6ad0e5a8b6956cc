"""Run the sales service, or look after it: `python -m sales --help`."""

from chassis.starting import main

if __name__ == "__main__":
    main("sales")
