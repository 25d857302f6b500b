"""How sure a held-out gain is."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from foretrace.resampling import bounds, resampled

DRAWS = 2000


def gain_with_spread(before: Sequence[float], after: Sequence[float]) -> dict[str, float]:
    """``mean(before) / mean(after)`` over the same samples, with its 95 % bootstrap interval.

    Samples are drawn in pairs, so noises that are hard for both do not widen it. One sample has no spread:
    the interval is then the value.
    """
    pairs = torch.tensor([before, after], dtype=torch.float64)
    rows = pairs[:, resampled(len(before), DRAWS, seed=0)].mean(dim=2)
    low, high = bounds(rows[0] / rows[1].clamp(min=1e-30))
    value = pairs[0].mean() / pairs[1].mean().clamp(min=1e-30)
    return {"value": float(value), "low": low, "high": high}
