"""How sure a held-out gain is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DRAWS = 2000


def gain_with_spread(before: Sequence[float], after: Sequence[float]) -> dict[str, float]:
    """``mean(before) / mean(after)`` over the same samples, with its 95 % bootstrap interval.

    Samples are drawn in pairs, so noises that are hard for both do not widen it. One sample has no spread:
    the interval is then the value.
    """
    a, b = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    rows = np.random.default_rng(0).integers(len(a), size=(DRAWS, len(a)))
    ratios = a[rows].mean(axis=1) / np.maximum(b[rows].mean(axis=1), 1e-30)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return {"value": float(a.mean() / max(b.mean(), 1e-30)), "low": float(low), "high": float(high)}
