"""How far a forecast may reach, from how fast the feature changes (PrediT's step modulation).

A multistep forecast of order p has a local error of order p + 1 in the horizon, so the reach that keeps it
within a tolerance falls with the (p + 1)-th root of the change rate (arXiv:2602.18093; secondary source):

    J = floor(tolerance / (delta + eps)^{1/(p+1)}),      delta = |F_1 - F_2| / (|F_2| (t_1 - t_2)).

The published rule measures delta while sampling and so decides *when* to compute from the features, which a
schedule cannot: that is a gate. Here the rule is run over the recorded features of an uncached run, and the
steps it computes become a `Mask`. Not public, and read so: J counts forecasts, and the step
after them is computed; the norm is Euclidean over the whole feature; distances are steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from foretrace.checks import at_least, between
from foretrace.errors import InvalidSetting

EPS = 1e-8
"""Keeps the reach of a feature that stands still finite; `longest` bounds it long before."""


def reach(change: float, tolerance: float, order: int = 2, longest: int = 8) -> int:
    """J, the number of steps that may be forecast after one with the change rate ``change``."""
    between("tolerance", tolerance, 0.0, 1e6)
    at_least("order", order, 1)
    at_least("longest", longest, 0)
    return min(int(tolerance / (change + EPS) ** (1 / (order + 1))), longest)


def change_rate(newest: Tensor, before: Tensor, gap: float) -> float:
    """delta, the relative change per step between two features that are ``gap`` steps apart."""
    moved, size = (torch.linalg.vector_norm(x.double()).item() for x in (newest - before, before))
    return moved / (abs(gap) * size) if size else float(moved > 0)


def modulated(
    features: Sequence[Tensor], tolerance: float, order: int = 2, longest: int = 8, warmup: int = 3
) -> tuple[int, ...]:
    """The steps computed by the rule along ``features``, those of an uncached run, one a step.

    ``warmup`` steps are computed first. Pass the result on as ``Mask(...)``, for runs of the same length.
    """
    at_least("warmup", warmup, 2)
    if len(features) < warmup:
        raise InvalidSetting(
            f"features got {len(features)} steps; expected at least the {warmup} of the warm-up. "
            "Pass the features of a whole run."
        )
    computed = list(range(warmup))
    while True:
        newest, before = computed[-1], computed[-2]
        change = change_rate(features[newest], features[before], newest - before)
        following = newest + 1 + reach(change, tolerance, order, longest)
        if following >= len(features):
            return tuple(computed)
        computed.append(following)
