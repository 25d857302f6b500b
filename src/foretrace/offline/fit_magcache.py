"""MagCache's table: by what factor the magnitude of the kept feature changes from step to step.

    gamma_i = mean over tokens, streams and samples of |r_i| / |r_{i-1}|

at the method's sites along uncached runs (the paper's are the residual of the stack), one table a branch,
averaged over calls (arXiv:2506.09045; there of one call).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from foretrace.calibrator.affine import channels_last
from foretrace.gate.mag_cache import MagCache, Ratios
from foretrace.history import Feature, SiteKey, Step
from foretrace.offline.collect import never_skip
from foretrace.offline.explained import explained, spearman
from foretrace.offline.fitted import Fitted, Task

Found = dict[tuple[int, int], list[float]]
"""(branch, step) -> the ratios seen there."""


class Magnitudes:
    """An observer: the ratio of the tokens' norms to those of the step before, at every site."""

    def __init__(self) -> None:
        self.found: Found = {}
        self.steps = 0
        self._before: dict[SiteKey, Tensor] = {}

    def computed(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Compare with the step before, of the same denoiser."""
        self.steps = max(self.steps, step.index + 1)
        norms = torch.cat([channels_last(x.detach()).float().norm(dim=-1).flatten() for x in feature])
        before = self._before.get(site)
        if before is not None:
            ratio = float((norms / (before + 1e-8)).mean())
            self.found.setdefault((site.branch, step.index), []).append(ratio)
        self._before[site] = norms

    def forecast(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Nothing: an uncached run computes every step."""


def fit_magcache(task: Task) -> Fitted:
    """The gate with a table a branch; how much of the held-out ratios' distance to 1 it tells."""
    gate = task.method.gate
    assert isinstance(gate, MagCache)
    fits, judged = [], []
    for calls, kept in ((task.fit_calls, fits), (task.held_out, judged)):
        for call in calls:
            seen = Magnitudes()
            task.run(call, never_skip(task.method.granularity), seen)
            kept.append(seen)
    tables = tabled([seen.found for seen in fits], fits[0].steps)
    places = [place for seen in judged for place in sorted(seen.found)]
    truth = [statistics.fmean(seen.found[place]) for seen in judged for place in sorted(seen.found)]
    said = [tables[min(branch, len(tables) - 1)][step] for branch, step in places]
    measured = {
        "spearman_after": spearman(said, truth),
        "least_ratio": min(min(t) for t in tables),
        "greatest_ratio": max(max(t) for t in tables),
        "pairs": sum(len(seen.found) for seen in fits),
    }
    return Fitted(replace(gate, ratios=tables), explained(truth, said, [1.0] * len(truth)), measured)


def tabled(found: Sequence[Found], steps: int) -> Ratios:
    """The mean ratio of every branch and step over calls; 1 where there is none, as at the first step."""
    merged: Found = {}
    for one in found:
        for place, ratios in one.items():
            merged.setdefault(place, []).extend(x for x in ratios if math.isfinite(x) and x > 0)
    branches = 1 + max((branch for branch, _ in merged), default=0)
    return tuple(
        tuple(statistics.fmean(merged.get((branch, i)) or [1.0]) for i in range(steps))
        for branch in range(branches)
    )
