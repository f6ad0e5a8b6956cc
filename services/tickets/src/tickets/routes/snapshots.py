"""Snapshots as clients get them: encrypted for customers, since they count everybody's
transactions.
"""

from typing import Annotated, Any, TypeVar

from cryptography.fernet import Fernet, InvalidToken
from fastapi import Depends, Request
from fastapi.sse import ServerSentEvent
from sqlalchemy import select

from tickets.models import SharedKey, is_staff
from tickets.routes.parameters import Anyone

# Before all changes: everything stored follows, or `everything` if older ones were deleted.
BEGINNING = "1:1:"
KEY_NAME = "moments"  # of the encryption key in the database
STEP = (
    256  # texts are padded to a multiple of it: their length would reveal how many transactions ran
)

AnswerT = TypeVar("AnswerT", bound=Any)


class Snapshots:
    """The snapshots of one reader. Encrypting twice gives different texts."""

    def __init__(self, seal: Fernet | None) -> None:
        self.seal = seal

    def write(self, snapshot: str) -> str:
        if self.seal is None:
            return snapshot
        length = -(-len(snapshot) // STEP) * STEP
        return self.seal.encrypt(snapshot.ljust(length).encode()).decode()

    def read(self, written: str) -> str:
        """What cannot be decrypted counts as « nothing seen yet ».

        Pages of an earlier release contain plain snapshots. Accepting those would let a customer
        probe which transactions were theirs.
        """
        if self.seal is None:
            return written
        try:
            return self.seal.decrypt(written).decode().rstrip()
        except (InvalidToken, ValueError):  # ValueError: not ASCII
            return BEGINNING

    def of(self, answer: AnswerT) -> AnswerT:
        """The answer with its `as_of` as this reader may see it."""
        if self.seal is None or answer.as_of is None:
            return answer
        return answer.model_copy(update={"as_of": self.write(answer.as_of)})

    def of_event(self, event: ServerSentEvent) -> ServerSentEvent:
        if self.seal is None or event.id is None:
            return event
        return event.model_copy(update={"id": self.write(event.id)})


async def snapshots(request: Request, caller: Anyone) -> Snapshots:
    """The key is read once per process: every replica must decrypt what another one has encrypted."""
    if is_staff(caller):
        return Snapshots(None)
    state = request.app.state
    if state.seal is None:
        async with state.database.reading() as reader:
            state.seal = Fernet(await reader.scalar(select(SharedKey.key).filter_by(name=KEY_NAME)))
    return Snapshots(state.seal)


TheSnapshots = Annotated[Snapshots, Depends(snapshots)]
