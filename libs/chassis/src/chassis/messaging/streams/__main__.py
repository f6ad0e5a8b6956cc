"""`python -m chassis.messaging.streams`."""

from chassis.messaging.streams.command import main

if __name__ == "__main__":
    main()
