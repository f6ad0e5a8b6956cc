"""What time it is: the database's time, in web identity's, whatever this machine's clock shows.

All replicas of a service then agree, and what one of them writes down has the time of the others.
"""

from datetime import UTC, datetime, timedelta

WARNED = timedelta(seconds=5)
NOISE = timedelta(seconds=0.5)  # of a question that took its time: no difference
# Between two services, whose databases may be on two machines: a moment from elsewhere that lies
# so far ahead is now.
BORNE = timedelta(seconds=60)


class Clock:
    """This process's; `behind`: how far it is behind its database's."""

    def __init__(self) -> None:
        self.behind = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.behind

    def compare(
        self, asked: datetime, theirs: datetime, answered: datetime, *, noise: timedelta = NOISE
    ) -> timedelta:
        """How far it is behind one that said `theirs` between these two moments of its own.

        `noise`: by how much that may be off.
        """
        found = theirs - (asked + (answered - asked) / 2)
        if abs(found - self.behind) > noise:
            self.behind = found if abs(found) > noise else timedelta(0)
        return self.behind


own = Clock()


def now() -> datetime:
    """With its zone, UTC."""
    return own.now()
