"""The current time, corrected to the database's clock (in web: to identity's).

All replicas of a service then agree on the time, even if their machines' clocks do not.
"""

from datetime import UTC, datetime, timedelta

WARNED = timedelta(seconds=5)
NOISE = timedelta(seconds=0.5)  # of a question that took its time: no difference
# Between two services, whose databases may be on two machines: a moment from elsewhere that lies
# so far ahead is now.
BORNE = timedelta(seconds=60)


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
        found = theirs - (asked + (answered - asked) / 2)
        if abs(found - self.behind) > noise:
            self.behind = found if abs(found) > noise else timedelta(0)
        return self.behind


own = Clock()


def now() -> datetime:
    """With its zone, UTC."""
    return own.now()
