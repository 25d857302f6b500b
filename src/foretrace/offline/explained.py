"""How much a fit says about values that it was not fitted on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def explained(truth: Sequence[float], fitted: Sequence[float], plain: Sequence[float]) -> float:
    """The share of the squared error of ``plain`` (what one would say without a fit) that a fit takes away.

    1 is all of it, 0 none; below 0 the fit is worse. NaN where nothing is to be said.
    """
    t = np.asarray(truth, dtype=float)
    left, before = ((np.asarray(x, dtype=float) - t) ** 2 for x in (fitted, plain))
    total = float(before.sum())
    return 1.0 - float(left.sum()) / total if total > 0 else math.nan


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """The correlation of the ranks, ties sharing their mean rank; NaN where either does not vary."""
    x, y = _ranks(a), _ranks(b)
    x, y = x - x.mean(), y - y.mean()
    size = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / size if size > 0 else math.nan


def _ranks(values: Sequence[float]) -> np.ndarray:
    found = np.asarray(values, dtype=float)
    _, place, counts = np.unique(found, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]
