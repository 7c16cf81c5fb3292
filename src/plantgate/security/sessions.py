"""Who is signed in, in memory: a restart signs everybody out."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from plantgate.limits import SESSIONS
from plantgate.runtime.clock import Clock

IDLE_SECONDS = 12 * 3600.0


@dataclass(slots=True)
class Session:
    actor: str
    seen: float


class Sessions:
    """Keeps the SHA-256 of each cookie, never the cookie. The session unused for longest makes room for a new one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def begin(self, actor: str) -> str:
        """A new session; returns its cookie."""
        while len(self._sessions) >= SESSIONS:
            del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].seen)]
        cookie = secrets.token_urlsafe(32)
        self._sessions[_digest(cookie)] = Session(actor, self._clock.mono())
        return cookie

    def actor(self, cookie: str | None) -> str | None:
        """Who `cookie` belongs to; None if nobody. Being asked keeps the session alive for another 12 hours."""
        if not cookie:
            return None
        key = _digest(cookie)
        session = self._sessions.get(key)
        if session is None:
            return None
        now = self._clock.mono()
        if now - session.seen > IDLE_SECONDS:
            del self._sessions[key]
            return None
        session.seen = now
        return session.actor

    def end(self, cookie: str | None) -> None:
        if cookie:
            self._sessions.pop(_digest(cookie), None)


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()
