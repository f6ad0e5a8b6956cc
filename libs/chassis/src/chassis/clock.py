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
        self,
        sent_at: datetime,
        their_time: datetime,
        received_at: datetime,
        *,
        noise: timedelta = NOISE,
    ) -> timedelta:
        """Measure how far this clock is behind: the database read `their_time` between these two
        times of our own.

        `noise` is the precision of `their_time`.
        """
        offset = their_time - (sent_at + (received_at - sent_at) / 2)
        if abs(offset - self.behind) > noise:
            self.behind = offset if abs(offset) > noise else timedelta(0)
        return self.behind


process_clock = Clock()


def now() -> datetime:
    """With its zone, UTC."""
    return process_clock.now()
