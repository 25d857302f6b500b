"""Rows of one reference model, each judged against the uncached samples of the same noises."""

from __future__ import annotations

import statistics
from typing import Any

import torch

import foretrace as ft
from foretrace.bench.quality.distribution import frechet, gaussian_of
from foretrace.bench.quality.networks import of_task
from foretrace.demo.compare import relative_l2
from foretrace.demo.tasks import Task
from foretrace.offline.progress import console
from foretrace.offline.tuner import Tuner, prepare

SEARCH_SEED, TEST_SEED, OTHER_SEED = 1000, 0, 50_000
"""Schedules are searched on noises that no row is judged on, and distributions compared with others still."""


class Table:
    """See above. Rows are printed as they come.

    ``others``: rows have the Frechet distance, in the features of the task's judge, to so many uncached
    samples of other noises.
    """

    def __init__(
        self, task: Task, samples: int, batch: int, steps: int | None = None, others: int = 0
    ) -> None:
        self.task, self.samples, self.batch = task, samples, batch
        self.steps = steps or task.steps
        self.uncached = self.draw()
        self.others = self.seen(self.draw(count=others, seed=OTHER_SEED)) if others else None
        self.rows: list[dict[str, Any]] = []

    def draw(self, steps: int | None = None, count: int | None = None, seed: int = TEST_SEED) -> torch.Tensor:
        """Samples, a few at a time; by default the test samples."""
        parts, wanted = [], self.samples if count is None else count
        for start in range(0, wanted, self.batch):
            numbers = range(start, min(wanted, start + self.batch))
            parts.append(self.task.draw(self.task.arguments(numbers, seed, steps or self.steps)))
        return torch.cat(parts)

    def seen(self, images: torch.Tensor) -> torch.Tensor:
        """Features of the task's judge, (samples, width)."""
        found = of_task(self.task)
        assert found is not None
        return torch.cat([found[1](part).pooled for part in images.split(64)])

    def add(self, label: str, computed: list[int], images: torch.Tensor, **more: Any) -> None:
        """One row."""
        each = [relative_l2(a[None], b[None]) for a, b in zip(images, self.uncached, strict=True)]
        self.rows.append(
            {
                "model": self.task.name,
                "label": label,
                "computed": len(computed),
                "computed_steps": computed,
                "steps": self.steps,
                "relative_l2": statistics.fmean(each),
                "relative_l2_quartiles": statistics.quantiles(each, n=4),
                "score": self.task.score(images),
                "score_name": self.task.score_name,
                "samples": len(each),
                "first_seed": TEST_SEED,
                **more,
            }
        )
        told = f"{label:32} {len(computed):3} {statistics.fmean(each):.4f} {self.rows[-1]['score']:.3f}"
        if self.others is not None:
            apart = frechet(gaussian_of(self.seen(images)), gaussian_of(self.others))
            self.rows[-1] |= {"frechet": apart, "frechet_samples": len(self.others)}
            told += f" {apart:.3f}"
        print(told, flush=True)

    def method(self, label: str, method: ft.Method, **more: Any) -> None:
        """One row for a method."""
        with ft.accelerate(self.task.pipe, method) as run:
            images = self.draw()
        self.add(label, run.report.computed, images, **more)

    def tuner(self, samples: int, batch: int | None = None) -> Tuner:
        """A tuner over ``samples`` samples of other noises, a third of which only judges."""
        size = batch or self.batch
        calls = [
            self.task.arguments(range(start, min(samples, start + size)), SEARCH_SEED, self.steps)
            for start in range(0, samples, size)
        ]
        return prepare(self.task.pipe, calls, progress=console)
