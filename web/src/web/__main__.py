"""Run the web frontend: `python -m web --help`."""

from chassis.starting import main

if __name__ == "__main__":
    main("web", serve_only=True)
