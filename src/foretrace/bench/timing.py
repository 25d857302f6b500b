"""Seconds of rows in one process, interleaved with the uncached run so that a drift hits all alike."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Mapping, Sequence

import torch

from foretrace.bench.bootstrap import bootstrap
from foretrace.bench.rows import Latency

Run = Callable[[], float]
"""Makes the call once; returns its seconds."""


def timed_rounds(
    uncached: Run,
    runs: Mapping[str, Run],
    rounds: int,
    advance: Callable[[int], None] = lambda done: None,
) -> tuple[list[float], dict[str, list[float]], dict[str, Exception]]:
    """Every round runs ``uncached`` and then each of ``runs`` once, in an order rotated from round to round.

    Garbage is collected before each run, outside of its time, and what is there at the start is set aside, so
    that no run pays for looking at it. A run that fails is left out from then on.

    Returns:
        The seconds of the uncached run; those of each run; what failed, by name.
    """
    full: list[float] = []
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    failures: dict[str, Exception] = {}
    gc.collect()
    gc.freeze()
    try:
        for number in range(rounds):
            full.append(_settled(uncached))
            for name in rotated([name for name in runs if name not in failures], number):
                try:
                    seconds[name].append(_settled(runs[name]))
                except Exception as error:  # a row says why; the others go on
                    failures[name] = error
                    release()
            advance(1)
    finally:
        gc.unfreeze()
    return full, seconds, failures


def rotated(names: Sequence[str], by: int) -> list[str]:
    """``names`` begun ``by`` places later, going round."""
    start = by % len(names) if names else 0
    return [*names[start:], *names[:start]]


def _settled(run: Run) -> float:
    gc.collect()
    return run()


def release() -> None:
    """Let go of what a failed run left, such as memory of the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def latency(seconds: Sequence[float], uncached: Sequence[float]) -> Latency | None:
    """Median seconds and the median of the paired ratios, with its bootstrap interval; None if not timed."""
    if not seconds:
        return None
    ratios = [full / own for full, own in zip(uncached, seconds, strict=True)]
    return Latency(list(seconds), ratios, statistics.median(seconds), bootstrap(ratios, statistics.median))
