"""What the user holds while a method is attached."""

from __future__ import annotations

from foretrace.checks import at_least
from foretrace.method import Method
from foretrace.runtime.report import Report
from foretrace.runtime.session import Session


class Handle:
    """An attached method: its report, and the way to detach it or to begin a run by hand."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def method(self) -> Method:
        """The method at work."""
        return self._session.method

    @property
    def attached(self) -> bool:
        """Whether the method is still at work."""
        return self._session.attached

    @property
    def called(self) -> bool:
        """Whether any call has come since attaching; if none has, something else is being sampled."""
        return self._session.called

    @property
    def report(self) -> Report:
        """What the latest run did; available after detaching too."""
        session, log = self._session, self._session.log
        return Report(
            session.method,
            tuple(log.calls),
            log.total,
            session.history_bytes() if session.attached else log.history_bytes,
            session.sites_of_branches() if session.attached else dict(log.sites),
            session.waits(),
            tuple(log.notes),
            tuple(sorted(log.short)),
            log.denoisers,
            dict(log.examples),
            log.macs,
        )

    def begin(self, steps: int | None = None) -> None:
        """Start a new run with the next call, of ``steps`` steps from now on if given.

        For one's own loops, where the times do not tell a new run (as when a run was given up at its
        first step), or where runs differ in length.
        """
        if steps is not None:
            at_least("steps", steps, 1)
        self._session.begin(steps)

    def detach(self) -> None:
        """Put the denoiser back exactly as it was. Raises `AttachError` the second time."""
        self._session.detach()

    def __repr__(self) -> str:
        names = ", ".join(type(d).__name__ for d in self._session.target.denoisers.values())
        state = "attached to" if self.attached else "detached from"
        return f"<foretrace {self.method.name} {state} {names}>"
