"""What a transport gives a reader, and what it tells it."""

from __future__ import annotations

from typing import Protocol


class Wire(Protocol):
    """One reader's way to its device, TCP or UDP."""

    async def run(self) -> None:
        """Reach the device, hand on what it sends, and begin anew whenever it is lost. Ends by cancellation only."""
        ...

    def send(self, data: bytes) -> None:
        """Hand `data` to the system now. Raises Unavailable or Overload."""
        ...

    async def close(self) -> None:
        """After `run` has ended: leave the device in order."""
        ...
