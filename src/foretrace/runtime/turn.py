"""One run, one thread: two runs at once on one denoiser would take each other's features."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from foretrace.errors import AttachError


class Turn:
    """Whose turn it is on the denoisers of one session: that of the thread that began the run."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a denoiser may call itself
        self._owner = 0

    @contextlib.contextmanager
    def taken(self, name: str) -> Iterator[None]:
        """Hold the denoiser for one call. Raises `AttachError` while another thread calls it."""
        if not self._lock.acquire(blocking=False):
            raise _shared(name, "is called while a call from another thread runs")
        try:
            yield
        finally:
            self._lock.release()

    def begin(self) -> None:
        """The run that begins belongs to this thread."""
        self._owner = threading.get_ident()

    def check(self, name: str) -> None:
        """Raise `AttachError` if this call goes on with a run of another thread."""
        if self._owner != threading.get_ident():
            raise _shared(name, "goes on with a run that another thread began")


def _shared(name: str, what: str) -> AttachError:
    return AttachError(
        f"{name} {what}; expected each run in one thread, and one run at a time on an attached denoiser. "
        "Give every thread a pipeline with a transformer of its own, or put a lock around the pipeline calls."
    )
