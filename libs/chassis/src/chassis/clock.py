"""The current time, corrected to the database's clock (in web: to identity's).

All replicas of a service then agree on the time, even if their machines' clocks do not.
"""

from datetime import UTC, datetime, timedelta

WARN_ABOVE = timedelta(seconds=5)
NOISE = timedelta(seconds=0.5)  # a smaller difference may come from the round trip alone
# A time from another service, whose database may be on another machine, may be this far ahead.
MAX_AHEAD = timedelta(seconds=60)


class Clock:
    """This process's clock; `behind` is how far the machine's clock lags behind the database's."""

    def __init__(self) -> None:
        self.behind = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.behind

    def compare(
        self, asked: datetime, theirs: datetime, answered: datetime, *, noise: timedelta = NOISE
    ) -> timedelta:
        """Measure how far this clock is behind: `theirs` was read between these two times of our
        own.

        `noise` is the precision of `theirs`.
        """
        offset = theirs - (asked + (answered - asked) / 2)
        if abs(offset - self.behind) > noise:
            self.behind = offset if abs(offset) > noise else timedelta(0)
        return self.behind


own = Clock()


def now() -> datetime:
    """With its zone, UTC."""
    return own.now()
