"""`python -m chassis.streams`."""

from chassis.streams.command import main

if __name__ == "__main__":
    main()
