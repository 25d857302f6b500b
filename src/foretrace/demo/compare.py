"""Methods side by side on one pipeline: same seeds, same clock, the uncached run beside."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from foretrace.method import Method
from foretrace.runtime import accelerate
from foretrace.runtime.report import Report

Sampler = Callable[[], Tensor]
"""One pipeline call: pictures of shape (samples, 3, height, width) in [0, 1]."""


@dataclass
class Row:
    """What one method did; ``seconds`` has one entry a round, ``report`` is that of the last round."""

    label: str
    method: Method | None
    images: Tensor = field(default_factory=lambda: torch.empty(0))
    seconds: list[float] = field(default_factory=list)
    report: Report | None = None

    def speedups(self, uncached: Row) -> list[float]:
        """Per round, how many times faster than the uncached run of the same round."""
        return [full / own for full, own in zip(uncached.seconds, self.seconds, strict=True)]


def run_rounds(
    pipe: Any,
    sampler: Sampler,
    rows: Sequence[Row],
    rounds: int,
    advance: Callable[[str], None] = lambda label: None,
) -> None:
    """Fill ``rows``: every round runs each of them once, so that a drift of the machine hits all alike."""
    for _ in range(rounds):
        for row in rows:
            advance(row.label)
            row.images, row.report, seconds = _timed(pipe, sampler, row.method)
            row.seconds.append(seconds)


def _timed(pipe: Any, sampler: Sampler, method: Method | None) -> tuple[Tensor, Report | None, float]:
    began = time.perf_counter()
    if method is None:
        images = sampler()
        return images, None, time.perf_counter() - began
    with accelerate(pipe, method) as run:
        began = time.perf_counter()
        images = sampler()
        seconds = time.perf_counter() - began
    return images, run.report, seconds


def relative_l2(images: Tensor, reference: Tensor) -> float:
    """``|a - b| / |b|`` of the pictures in [-1, 1], averaged over samples."""
    a, b = (2 * x.flatten(1) - 1 for x in (images, reference))
    return float(((a - b).norm(dim=1) / b.norm(dim=1)).mean())


def psnr(images: Tensor, reference: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures in [0, 1], averaged over samples; inf if all equal."""
    errors = (images - reference).square().flatten(1).mean(dim=1)
    return float((-10 * torch.log10(errors)).mean())


def summary(row: Row, uncached: Row, steps: int, accuracy: float) -> dict[str, Any]:
    """The numbers of a row as plain data. MACs and ratios are against the uncached run."""
    report, speedups = row.report, row.speedups(uncached)
    return {
        "label": row.label,
        "computed": len(report.computed) if report else steps,
        "computed_steps": report.computed if report else list(range(steps)),
        "macs": report.macs if report else None,
        "macs_linear": report.run_macs.linear if report else None,
        "macs_full": report.macs_full if report else None,
        "history_bytes": report.history_bytes if report else 0,
        "seconds": statistics.median(row.seconds),
        "seconds_all": row.seconds,
        "speedup": statistics.median(speedups),
        "speedup_spread": [min(speedups), max(speedups)],
        "relative_l2": relative_l2(row.images, uncached.images),
        "psnr": psnr(row.images, uncached.images) if row is not uncached else None,
        "accuracy": accuracy,
    }
