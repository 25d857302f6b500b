"""How long work tells of itself: a bar on a console, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Advance = Callable[[int], None]
Progress = Callable[[str, int], AbstractContextManager[Advance]]
"""Given a word for the work and its size: a context that is told how much was done."""


@contextmanager
def silent(word: str, total: int) -> Iterator[Advance]:
    """Tell nothing."""
    yield lambda done: None


@contextmanager
def console(word: str, total: int) -> Iterator[Advance]:
    """A rich progress bar with the time left. Needs the extra ``cli``."""
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns) as bar:
        task = bar.add_task(word, total=total)
        yield lambda done: bar.advance(task, done)
