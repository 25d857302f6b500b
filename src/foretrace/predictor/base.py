"""The predictor contract, and the large class of predictors that are a table of weights."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch

from foretrace.errors import NonFinite
from foretrace.history import Feature, Points, Step, weighted_sum


class Predictor(ABC):
    """Forecasts the feature of one site from the site's own past and the time, and nothing else.

    State goes in and comes out; predictors themselves are frozen. ``exact`` is the highest polynomial
    degree in time that a forecast reproduces once enough points are there. It is a tested claim.

    One kind also sees what a gate's probe shows (``watches_probe``): the blocks that run at every step.
    """

    @property
    @abstractmethod
    def exact(self) -> int:
        """The polynomial degree that a forecast reproduces."""

    @property
    def watches_probe(self) -> bool:
        """Whether `look` wants to be shown what the blocks before the span added."""
        return False

    @property
    def counts_steps(self) -> bool:
        """Whether a constant of the forecast is measured in steps, so that no other coordinate fits."""
        return False

    @property
    @abstractmethod
    def points(self) -> int:
        """How many computed features are kept per site and branch."""

    @abstractmethod
    def init(self, dtype: torch.dtype | None = None) -> Any:
        """The state before the first computed step; ``dtype`` is the storage precision."""

    @abstractmethod
    def commit(self, state: Any, step: Step, feature: Feature) -> Any:
        """The state after ``feature`` was computed at ``step``. The old state may not be used again."""

    @abstractmethod
    def predict(self, state: Any, step: Step) -> Feature:
        """The forecast at ``step``, in the dtypes of the features that were committed."""

    def look(self, state: Any, added: Feature) -> Any:
        """The state after seeing what the blocks before the span add in this call, one tensor a stream.

        Called before each `commit` and `predict`; only if `watches_probe`.
        """
        return state

    @abstractmethod
    def nbytes(self, state: Any) -> int:
        """Bytes of the tensors that ``state`` keeps."""


class LinearPredictor(Predictor):
    """A forecast ``F(t) = sum_i w_i(t; t_1..t_m) F(t_i)`` whose weights depend on the times alone.

    The weights are computed on the host in float64; the forecast is one weighted sum over the kept
    points with an fp32 accumulator.
    """

    @abstractmethod
    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """The weights of the points at ``times`` (newest first) in the forecast at ``t``."""

    def weighed(self, times: Sequence[float]) -> tuple[float, ...]:
        """Of ``times`` (newest first) those of the features that a forecast is made of."""
        return tuple(times[: self.points])

    def gain(self, times: Sequence[float], t: float) -> float:
        """``sum_i |w_i|``: the factor by which rounding and noise of the points are multiplied."""
        return sum(abs(w) for w in self.weights(times, t))

    def init(self, dtype: torch.dtype | None = None) -> Points:
        """No points yet."""
        return Points(dtype=dtype)

    def commit(self, state: Points, step: Step, feature: Feature) -> Points:
        """Keep ``feature`` as the newest point."""
        return state.push(step.time, feature, self.points)

    def finite_weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """`weights`, computed once for all sites and branches of a step.

        Raises:
            NonFinite: one of them is NaN or inf.
        """
        return _finite_weights(self, tuple(times), t)

    def predict(self, state: Points, step: Step) -> Feature:
        """The weighted sum over the kept points. Raises `NonFinite` for weights that are not finite."""
        weights = self.finite_weights(state.times, step.time)
        return tuple(
            weighted_sum(weights, stream, dtype)
            for stream, dtype in zip(zip(*state.features, strict=True), state.out_dtypes, strict=True)
        )

    def nbytes(self, state: Points) -> int:
        """Bytes of the kept points."""
        return state.nbytes


@lru_cache(maxsize=64)  # predictors are frozen data; a model has many sites, and a step has one time
def _finite_weights(predictor: LinearPredictor, times: tuple[float, ...], t: float) -> tuple[float, ...]:
    weights = tuple(predictor.weights(times, t))
    if not all(map(math.isfinite, weights)):
        raise NonFinite(
            f"{predictor} gives the weights {weights} at {t:g} for points at {times}; expected "
            "finite ones. Lower its order, or use another predictor."
        )
    return weights
