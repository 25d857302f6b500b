"""Every sample of a batch with a history of its own, so that samples may be computed at different steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from foretrace.errors import UnsupportedModel
from foretrace.history import Feature, Step
from foretrace.predictor import Predictor


@dataclass(frozen=True)
class PerSample(Predictor):
    """``inner`` on each sample alone. ``step.rows`` says which samples a feature holds (``None``: all).

    A forecast is that of ``inner`` on a batch of one, bit for bit: it does not depend on the batch mates.
    """

    inner: Predictor

    def of(self, row: int) -> Predictor:
        """The predictor of one row of a call."""
        return self.inner

    @property
    def exact(self) -> int:
        """As ``inner``."""
        return self.inner.exact

    @property
    def counts_steps(self) -> bool:
        """As ``inner``."""
        return self.inner.counts_steps

    @property
    def points(self) -> int:
        """As ``inner``."""
        return self.inner.points

    def init(self, dtype: torch.dtype | None = None) -> tuple[Any, ...]:
        """No samples yet; ahead of them stands the storage precision."""
        return (dtype,)

    def commit(self, state: tuple[Any, ...], step: Step, feature: Feature) -> tuple[Any, ...]:
        """Each sample's row of ``feature`` to its own history."""
        rows = self._rows(step, feature)
        dtype, *samples = state
        samples += [self.of(row).init(dtype) for row in range(len(samples), max(rows) + 1)]
        for place, row in enumerate(rows):
            own = tuple(x[place : place + 1] for x in feature)
            samples[row] = self.of(row).commit(samples[row], _alone(step), own)
        return (dtype, *samples)

    def predict(self, state: tuple[Any, ...], step: Step) -> Feature:
        """The forecasts of the samples asked for, one below the other."""
        rows = range(len(state) - 1) if step.rows is None else step.rows
        forecasts = [self.of(row).predict(state[1 + row], _alone(step)) for row in rows]
        return tuple(torch.cat(stream) for stream in zip(*forecasts, strict=True))

    def nbytes(self, state: tuple[Any, ...]) -> int:
        """Bytes of all samples' points."""
        return sum(self.of(row).nbytes(sample) for row, sample in enumerate(state[1:]))

    def _rows(self, step: Step, feature: Feature) -> tuple[int, ...]:
        count = len(step.rows) if step.rows is not None else step.batch or len(feature[0])
        for x in feature:
            if len(x) != count:
                raise UnsupportedModel(
                    f"a sample-wise history got a feature of shape {tuple(x.shape)} for {count} samples; "
                    "expected one row a sample. Use granularity=PerModel(), or reduce='any'."
                )
        return step.rows if step.rows is not None else tuple(range(count))


def _alone(step: Step) -> Step:
    return replace(step, batch=1, rows=None)
