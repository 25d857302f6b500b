"""Verification: some sites of a skipped step are computed after all, and the forecast is held against
them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from foretrace.checks import between, one_of
from foretrace.errors import InvalidSetting
from foretrace.granularity import Granularity, PerBlock, PerModule
from foretrace.history import Feature, Step

Metric = Literal["relative_l1", "relative_l2", "elementwise_l1", "cosine"]
METRICS = ("relative_l1", "relative_l2", "elementwise_l1", "cosine")


@dataclass(frozen=True)
class Verifier:
    """Runs ``sites`` of a skipped step on the input that the forecasts give them, and compares.

    Args:
        threshold: the error up to which a forecast is accepted. It tightens as the run goes on:
            ``tau = max(floor, threshold * decay ** (index / total))``.
        decay: see ``threshold``; 1 keeps it constant.
        floor: see ``threshold``.
        sites: numbers of the sites, in the order of the calls; negative ones from the end.
        metric: ``relative_l1``: sums, ``|a - b| / |b|``; ``relative_l2``: norms; ``elementwise_l1``: the
            mean of
            ``|a - b| / (|b| + eps)`` over the entries, heavy-tailed (SpeCa as released); ``cosine``: one
            minus it.
        rejected: what a rejection does. ``redo``: the step is computed after all; ``next``: the next step
            is, if the method's gate heeds it; ``nothing``.
        keep: what goes on to the next block: the ``forecast``, or the ``exact`` output.
    """

    threshold: float
    decay: float = 1.0
    floor: float = 0.0
    sites: tuple[int, ...] = (-1,)
    metric: Metric = "relative_l2"
    rejected: Literal["redo", "next", "nothing"] = "redo"
    keep: Literal["forecast", "exact"] = "forecast"

    def __post_init__(self) -> None:
        between("threshold", self.threshold, 0.0, math.inf)
        between("decay", self.decay, 0.0, 1.0)
        between("floor", self.floor, 0.0, math.inf)
        one_of("metric", self.metric, METRICS)
        one_of("rejected", self.rejected, ("redo", "next", "nothing"))
        one_of("keep", self.keep, ("forecast", "exact"))
        if not self.sites:
            raise InvalidSetting(
                "Verifier got no sites; expected at least one. Pass sites=(-1,) for the last."
            )

    def check(self, granularity: Granularity) -> None:
        """Raise where a skipped step has no sites of their own to compute."""
        inside = isinstance(granularity, (PerBlock, PerModule)) and granularity.store != "gated"
        if not inside:
            raise InvalidSetting(
                f"a verifier got {granularity!r}, where nothing of a skipped step is computed for itself; "
                "expected PerBlock or PerModule. Pass granularity=PerBlock(), or leave the verifier out."
            )

    def numbers(self, count: int) -> frozenset[int]:
        """The sites among ``count``. Raises `InvalidSetting` for one that is not there."""
        for site in self.sites:
            if not -count <= site < count:
                raise InvalidSetting(
                    f"Verifier got site {site} of a model with {count}; expected {-count} to {count - 1}. "
                    "Pass one within."
                )
        return frozenset(site % count for site in self.sites)

    def error(self, forecast: Feature, computed: Feature) -> float:
        """How far the forecast is off; reads from the device. The largest over the streams."""
        return max(_error(a.float(), b.float(), self.metric) for a, b in zip(forecast, computed, strict=True))

    def accepts(self, error: float, step: Step) -> bool:
        """Whether a forecast with this error stands at ``step``; one that is not finite does not."""
        progress = step.index / step.total if step.total else 0.0
        return error <= max(self.floor, self.threshold * self.decay**progress)


def _error(forecast: torch.Tensor, computed: torch.Tensor, metric: Metric) -> float:
    apart = (forecast - computed).abs()
    if metric == "relative_l1":
        return float(apart.sum() / computed.abs().sum())
    if metric == "relative_l2":
        return float(torch.linalg.vector_norm(apart) / torch.linalg.vector_norm(computed))
    if metric == "elementwise_l1":
        return float((apart / (computed.abs() + 1e-10)).mean())
    return 1.0 - float(torch.cosine_similarity(forecast.flatten(), computed.flatten(), dim=0))
