"""A predictor that times another one's work, to tell where a call's overhead goes.

Two neighbouring calls of a third of a second differ by more than a percent on a shared machine; what is
done beside the model's own work is a few milliseconds at most and can be timed by itself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import torch

from foretrace import Predictor, Step
from foretrace.history import Feature


@dataclass(frozen=True)
class TimedPredictor(Predictor):
    """``inner``, with the processor seconds of each commit and each forecast."""

    inner: Predictor
    commits: list[float] = field(default_factory=list)
    forecasts: list[float] = field(default_factory=list)

    @property
    def exact(self) -> int:
        """As ``inner``."""
        return self.inner.exact

    @property
    def points(self) -> int:
        """As ``inner``."""
        return self.inner.points

    def init(self, dtype: torch.dtype | None = None) -> Any:
        """As ``inner``."""
        return self.inner.init(dtype)

    def commit(self, state: Any, step: Step, feature: Feature) -> Any:
        """As ``inner``, timed."""
        began = time.process_time()
        state = self.inner.commit(state, step, feature)
        self.commits.append(time.process_time() - began)
        return state

    def predict(self, state: Any, step: Step) -> Feature:
        """As ``inner``, timed."""
        began = time.process_time()
        feature = self.inner.predict(state, step)
        self.forecasts.append(time.process_time() - began)
        return feature

    def nbytes(self, state: Any) -> int:
        """As ``inner``."""
        return self.inner.nbytes(state)
