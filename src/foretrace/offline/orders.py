"""The order of each step, fixed from a recording: the hindsight counterpart of TraCache's rule.

    n(t) = argmin_{n in orders} |phi_n(t) - F(t)|^2,    F the recorded feature of the uncached run at t

over the computed steps of one schedule. Only inner products of recorded features are needed (`proposal.py`).
It is chosen along the uncached run and judged along a cached one, so a run must say whether it helps.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from foretrace.combinator.by_step import ByStep
from foretrace.errors import InvalidSetting
from foretrace.offline.proposal import squared_error, stencil
from foretrace.predictor import Lagrange, LinearPredictor


def orders_by_step(
    gram: Tensor, computed: Sequence[int], bases: Sequence[LinearPredictor] = (Lagrange(1), Lagrange(2))
) -> ByStep:
    """At every step that ``computed`` leaves out, the one of ``bases`` with the least recorded error.

    Args:
        gram: ``K[i, j] = <F_i, F_j>``, (steps, steps), e.g. ``record(...).gram()``.
        computed: the computed steps of the schedule, 0 among them.
        bases: what may be chosen; the first in a tie, and at computed steps, where nothing is forecast.

    Raises:
        InvalidSetting: ``computed`` does not begin with step 0 or goes beyond the recording.
    """
    known, total = sorted(set(computed)), len(gram)
    if not known or known[0] != 0 or known[-1] >= total:
        raise InvalidSetting(
            f"computed got {known} for a recording of {total} steps; expected steps of it, 0 among them. "
            "Pass the table of the schedule."
        )
    products = gram.double().cpu().numpy()
    choices = []
    for step in range(total):
        errors = [
            0.0 if step in known else squared_error(products, *stencil(base, known, step), step)
            for base in bases
        ]
        choices.append(errors.index(min(errors)))
    return ByStep(tuple(bases), tuple(choices))
