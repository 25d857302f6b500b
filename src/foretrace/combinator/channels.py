"""Different predictors for different channels of one feature.

    F(t)[..., c] = sum_i w_i^{g(c)}(t; t_1..t_m) F(t_i)[..., c],      g(c) the group of channel c

Where each group has a table of weights, a forecast is one pass over the kept points with a row of weights
per point in place of a number; nothing is gathered or scattered. Other predictors forecast all channels each,
and every channel takes its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from foretrace.checks import at_least
from foretrace.combinator.parts import Combined, require_predictor
from foretrace.errors import InvalidSetting
from foretrace.history import Feature, Step, weighted_sum
from foretrace.predictor.base import LinearPredictor, Predictor


@dataclass(frozen=True)
class Channels(Combined):
    """``predictors[groups[c]]`` for channel ``c``, an index into the last dimension (HyCa, arXiv:2510.04188).

    ``groups`` names the group of every channel, and every stream of a feature must have as many channels.
    """

    predictors: tuple[Predictor, ...]
    groups: tuple[int, ...]

    looks_at: ClassVar[int] = 0

    def __post_init__(self) -> None:
        for name in ("predictors", "groups"):  # lists are welcome, but frozen data must hash
            value = getattr(self, name)
            if not isinstance(value, (tuple, list)) or not value:
                raise InvalidSetting(f"{name} got {value!r}; expected a tuple of one or more. Pass a tuple.")
            object.__setattr__(self, name, tuple(value))
        for predictor in self.predictors:
            require_predictor("predictors", predictor)
        for group in self.groups:
            at_least("groups", group, 0)
        if max(self.groups) >= len(self.predictors):
            raise InvalidSetting(
                f"groups got {max(self.groups)} with {len(self.predictors)} predictors; expected groups from "
                f"0 to {len(self.predictors) - 1}. Pass a predictor for every group."
            )

    @property
    def parts(self) -> tuple[Predictor, ...]:
        """The predictors of all groups."""
        return self.predictors

    @property
    def exact(self) -> int:
        """The lowest degree of the predictors that have a channel."""
        return min(self.predictors[group].exact for group in set(self.groups))

    def commit(self, state: Any, step: Step, feature: Feature) -> Any:
        """Keep ``feature``. Raises `InvalidSetting` where it has another number of channels."""
        for stream in feature:
            if stream.ndim == 0 or stream.shape[-1] != len(self.groups):
                raise InvalidSetting(
                    f"groups got {len(self.groups)} channels for a feature of shape {tuple(stream.shape)}; "
                    "expected one group per entry of the last dimension. Pass groups for this model and site."
                )
        return super().commit(state, step, feature)

    def predict(self, state: Any, step: Step) -> Feature:
        """One weighted sum with the weights of each channel's group, where all are tables of weights."""
        linear = [p for p in self.predictors if isinstance(p, LinearPredictor)]
        if len(linear) < len(self.predictors):
            return super().predict(state, step)
        points = state.points
        tables = [p.finite_weights(points.times[: p.points], step.time) for p in linear]
        return tuple(
            weighted_channels(tables, self.groups, stream, dtype)
            for stream, dtype in zip(zip(*points.features, strict=True), points.out_dtypes, strict=True)
        )

    def join(
        self, forecasts: Sequence[Tensor], newest: Sequence[Tensor], times: Sequence[float], step: Step
    ) -> Tensor:
        """Every channel from the forecast of its group."""
        groups = torch.tensor(self.groups, device=forecasts[0].device)
        joined = forecasts[0]
        for group, forecast in enumerate(forecasts[1:], start=1):
            joined = torch.where(groups == group, forecast, joined)
        return joined


def weighted_channels(
    tables: Sequence[Sequence[float]], groups: Sequence[int], tensors: Sequence[Tensor], dtype: torch.dtype
) -> Tensor:
    """As `weighted_sum`, with the weights ``tables[groups[c]]`` for channel ``c`` of the last dimension.

    A table may be shorter than there are tensors: the points beyond have weight zero.
    """
    used = {tuple(tables[group]) for group in set(groups)}
    if len(used) == 1:  # one table for all: plain numbers are more precise than rows, and faster
        return weighted_sum(used.pop(), tensors, dtype)
    accumulate = torch.promote_types(dtype, torch.float32)
    padded = [[*table, *(0.0,) * (len(tensors) - len(table))] for table in tables]
    index = torch.tensor(groups)
    rows = torch.tensor(padded, dtype=torch.float64).T[:, index].to(accumulate)
    read = [i for i, column in enumerate(zip(*padded, strict=True)) if any(column)]
    device = tensors[0].device
    if device.type == "cuda":  # from pinned memory the copy does not wait for the GPU
        rows = rows.contiguous().pin_memory()
    rows = rows.to(device, non_blocking=True)
    total = tensors[read[0]].to(accumulate, copy=True).mul_(rows[read[0]])
    for i in read[1:]:
        total.addcmul_(tensors[i].to(accumulate), rows[i])
    return total.to(dtype)
