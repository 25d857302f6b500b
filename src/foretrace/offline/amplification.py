"""How much an error at one step moves the final sample, measured by runs that forecast that step alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from foretrace.offline.judge import Candidate, Judge
from foretrace.offline.progress import Progress, silent
from foretrace.offline.proposal import fill_amplification, squared_error, stencil
from foretrace.predictor import LinearPredictor


def amplification(
    judge: Judge,
    gram: Tensor,
    predictor: LinearPredictor,
    probes: int,
    progress: Progress = silent,
) -> list[float]:
    """``A_i = |final sample with only step i forecast - uncached| / e(i; all others)`` for every step.

    ``probes`` runs, the steps between interpolated; runs are relative errors, ``e`` is in the unit of the
    features, so the scale is arbitrary but the same at all steps.
    """
    k = gram.double().numpy()
    total = len(k)
    probed: dict[int, float] = {}
    places = spread(total, probes)
    with progress("amplification", len(places)) as advance:
        for step in places:
            others = [i for i in range(total) if i != step]
            points, weights = stencil(predictor, others, step)
            own = math.sqrt(squared_error(k, points, weights, step))
            if own > 0:
                moved = judge.error(Candidate(tuple(others), predictor))
                probed[step] = moved / own
            advance(1)
    return fill_amplification(probed, total) if probed else [1.0] * total


def spread(total: int, probes: int) -> Sequence[int]:
    """``probes`` steps from the second to the last."""
    return sorted({int(i) for i in np.linspace(1, total - 1, min(probes, total - 1)).round()})
