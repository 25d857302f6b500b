"""Forecasts joined from the forecasts of other predictors, whatever these are.

Parts that are tables of weights share one set of points; any other part keeps a state of its own beside it.
Where all parts are tables of weights a combinator may be one too: it names that form in ``linear_form``, and
its constructor then makes that, so that the forecast stays one fused sum and its weights are public.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from foretrace.errors import InvalidSetting
from foretrace.history import Feature, Points, Step, weighted_sum
from foretrace.predictor.base import LinearPredictor, Predictor


def require_linear(name: str, value: object) -> None:
    """Raise `InvalidSetting` unless ``value`` is a `LinearPredictor`."""
    if not isinstance(value, LinearPredictor):
        raise InvalidSetting(
            f"{name} got {value!r}; expected a linear predictor. Pass e.g. Lagrange(2) or Taylor(1)."
        )


def require_predictor(name: str, value: object) -> None:
    """Raise `InvalidSetting` unless ``value`` is a `Predictor`."""
    if not isinstance(value, Predictor):
        raise InvalidSetting(f"{name} got {value!r}; expected a predictor. Pass e.g. Lagrange(2) or FoCa().")


Form = TypeVar("Form", bound="Combined")


@dataclass(frozen=True)
class Joined:
    """The points that linear parts share, and the state of every other part (``None`` for a linear one)."""

    points: Points
    own: tuple[Any, ...] = ()


class Combined(Predictor):
    """A forecast that `join` makes of those of ``parts`` and of the ``looks_at`` newest computed features.

    Its state is a `Joined`, and that of a linear form its points.
    """

    linear_form: ClassVar[type[Combined] | None] = None
    looks_at: ClassVar[int] = 1

    def __new__(cls: type[Form], *values: object, **named: object) -> Form:
        """An instance of ``linear_form`` where every predictor among the settings is linear."""
        given = [x for x in (*values, *named.values()) if isinstance(x, Predictor)]
        linear = bool(given) and all(isinstance(x, LinearPredictor) for x in given)
        own_form = cls.__dict__.get("linear_form")
        return object.__new__(own_form if linear and own_form is not None else cls)

    @property
    @abstractmethod
    def parts(self) -> tuple[Predictor, ...]:
        """The predictors whose forecasts are joined."""

    @abstractmethod
    def join(
        self, forecasts: Sequence[Tensor], newest: Sequence[Tensor], times: Sequence[float], step: Step
    ) -> Tensor:
        """One stream's forecast out of those of the parts, in at least fp32.

        ``newest`` and ``times`` are the computed features that are kept, newest first: ``looks_at`` or more,
        fewer at the start of a run.
        """

    @property
    def watches_probe(self) -> bool:
        """If any part does."""
        return any(part.watches_probe for part in self.parts)

    def look(self, state: Any, added: Feature) -> Any:
        """Show it to the parts that want to see it."""
        own = [
            part.look(kept, added) if part.watches_probe else kept
            for part, kept in zip(self.parts, state.own, strict=True)
        ]
        return replace(state, own=tuple(own))

    @property
    def counts_steps(self) -> bool:
        """If any part does."""
        return any(part.counts_steps for part in self.parts)

    @property
    def points(self) -> int:
        """As many as the part that needs most, and those that are looked at here."""
        return max(self.looks_at, *(part.points for part in self.parts))

    @property
    def shared(self) -> int:
        """How many points the linear parts and `join` need; parts that are not linear keep their own."""
        return max(self.looks_at, *(p.points for p in self.parts if isinstance(p, LinearPredictor)), 0)

    def init(self, dtype: torch.dtype | None = None) -> Any:
        """Nothing yet."""
        own = [None if isinstance(part, LinearPredictor) else part.init(dtype) for part in self.parts]
        return Joined(Points(dtype=dtype), tuple(own))

    def commit(self, state: Any, step: Step, feature: Feature) -> Any:
        """Keep ``feature`` as the newest point, and show it to every part that keeps its own."""
        own = [
            None if isinstance(part, LinearPredictor) else part.commit(kept, step, feature)
            for part, kept in zip(self.parts, state.own, strict=True)
        ]
        points = state.points.push(step.time, feature, self.shared) if self.shared else state.points
        return Joined(points, tuple(own))

    def predict(self, state: Any, step: Step) -> Feature:
        """Stream by stream what `join` makes of the forecasts."""
        points: Points = state.points
        made = [_forecast(part, kept, points, step) for part, kept in zip(self.parts, state.own, strict=True)]
        joined = []
        for i, forecasts in enumerate(zip(*made, strict=True)):
            newest = [feature[i] for feature in points.features]
            dtype = points.out_dtypes[i] if newest else forecasts[0].dtype
            exact = torch.promote_types(dtype, torch.float32)
            ready = [x.to(exact) for x in forecasts]
            joined.append(self.join(ready, newest, points.times, step).to(dtype))
        return tuple(joined)

    def nbytes(self, state: Any) -> int:
        """Bytes of the shared points and of the states beside them."""
        own = zip(self.parts, state.own, strict=True)
        return state.points.nbytes + sum(part.nbytes(kept) for part, kept in own if not _linear(part))


def _forecast(part: Predictor, kept: Any, points: Points, step: Step) -> Feature:
    """The forecast of one part; that of a linear one from the shared points, not rounded to their dtype."""
    if not isinstance(part, LinearPredictor):
        return part.predict(kept, step)
    weights = part.finite_weights(points.times[: part.points], step.time)
    return tuple(
        weighted_sum(weights, stream, torch.promote_types(dtype, torch.float32))
        for stream, dtype in zip(zip(*points.features, strict=True), points.out_dtypes, strict=True)
    )


def _linear(part: Predictor) -> bool:
    return isinstance(part, LinearPredictor)


def sample_norm(x: Tensor, step: Step) -> Tensor:
    """The Euclidean norm of each sample of ``x``, shaped to be multiplied with it; of all where rows are
    no samples.
    """
    axes = tuple(range(1, x.ndim)) if step.has_rows(x) else None
    return torch.linalg.vector_norm(x, dim=axes, keepdim=axes is not None)
