"""The steps that PrediT's step modulation computes along a recorded run, as a table for a schedule.

The rule itself is a gate, which measures the change rate while sampling (`gate/step_modulation.py`). Here it
is run over the features of an uncached run. The steps it computes become a `Mask`: the same for every sample,
and nothing to decide while sampling.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from foretrace.checks import at_least, between
from foretrace.errors import InvalidSetting
from foretrace.gate.step_modulation import reach


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
    between("tolerance", tolerance, 0.0, 1e6)
    at_least("order", order, 1)
    at_least("longest", longest, 0)
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
        following = newest + 1 + int(min(reach(change, tolerance, order), longest))
        if following >= len(features):
            return tuple(computed)
        computed.append(following)
