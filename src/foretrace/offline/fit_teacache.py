"""TeaCache's polynomial: how much a drift of the modulated input moves the feature that is reused.

For every step but the first and last of uncached runs

    x_i = mean|m_i - m_{i-1}| / mean|m_{i-1}|       m: the first block's modulated input
    y_i = mean|F_i - F_{i-1}| / mean|F_{i-1}|       F: the feature at the method's site

and f is the least-squares polynomial of y on x (arXiv:2411.19108, section 3.3; there of degree 4, with the
output of the model for F). The first branch of a step is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from foretrace.errors import NoGain
from foretrace.gate.accumulated import Drift
from foretrace.gate.base import Signal
from foretrace.gate.measure import relative_l1
from foretrace.gate.teacache import TeaCache
from foretrace.history import Feature, SiteKey, Step
from foretrace.offline.calls import Call
from foretrace.offline.collect import never_skip
from foretrace.offline.explained import explained, spearman
from foretrace.offline.fitted import Fitted, Task

DEGREE = 4
Pairs = list[tuple[float, float]]


@dataclass(frozen=True)
class Drifts(TeaCache):
    """Notes every drift, as `TeaCache` itself would see it, and admits nothing."""

    seen: dict[int, float] = field(default_factory=dict)

    def admits(self, state: Drift, signal: Signal) -> tuple[bool, Drift]:
        """Never."""
        _, after = super().admits(state, signal)
        if state.before:
            self.seen[signal.step.index] = after.spent - state.spent
        return False, after


class Changes:
    """An observer: the relative change of the feature from step to step, at the first branch's first site."""

    def __init__(self) -> None:
        self.seen: dict[int, float] = {}
        self._at: SiteKey | None = None
        self._before: Feature = ()

    def computed(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Compare with the step before, of the same denoiser."""
        if site.branch or site.number:
            return
        if site == self._at:
            self.seen[step.index] = relative_l1(feature, self._before)
        self._at, self._before = site, tuple(x.detach().clone() for x in feature)

    def forecast(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Nothing: an uncached run computes every step."""


def fit_teacache(task: Task) -> Fitted:
    """The gate with coefficients and their range; Spearman's correlation before and after, held out."""
    gate = task.method.gate
    assert isinstance(gate, TeaCache)
    pairs = [pair for call in task.fit_calls for pair in _pairs(task, call)]
    judged = [pair for call in task.held_out for pair in _pairs(task, call)]
    coefficients, fitted = polynomial(pairs)
    found = replace(gate, coefficients=coefficients, fitted=fitted)
    x, y = (list(values) for values in zip(*judged, strict=True))
    said = [found.rise(drift) for drift in x]
    mean = float(np.mean([change for _, change in pairs]))
    measured: dict[str, Any] = {
        "spearman_before": spearman(x, y),
        "spearman_after": spearman(said, y),
        "coefficients": list(coefficients),
        "range": list(fitted),
        "pairs": len(pairs),
    }
    return Fitted(found, explained(y, said, [mean] * len(y)), measured)


def polynomial(pairs: Pairs, degree: int = DEGREE) -> tuple[tuple[float, ...], tuple[float, float]]:
    """Least-squares coefficients of y on x, highest power first, and the range of x.

    The degree is lowered where there are too few different x. Raises `NoGain` for fewer than two.
    """
    finite = [pair for pair in pairs if np.isfinite(pair).all()]
    x, y = np.asarray([p[0] for p in finite]), np.asarray([p[1] for p in finite])
    distinct = len(np.unique(x))
    if distinct < 2:
        raise NoGain(
            f"the modulated input drifted in {distinct} different ways over {len(pairs)} pairs of steps; "
            "expected at least 2 to fit a polynomial to. Pass more steps or calls."
        )
    degree = min(degree, distinct - 1)
    # on a range scaled to [-1, 1], where the powers are less alike
    line, _ = np.polynomial.Polynomial.fit(x, y, degree, full=True)
    coefficients = line.convert().coef
    return tuple(float(c) for c in coefficients[::-1]), (float(x.min()), float(x.max()))


def _pairs(task: Task, call: Call) -> Pairs:
    """(x, y) of every step of an uncached run but the first and the last."""
    gate, method = task.method.gate, task.method
    assert isinstance(gate, TeaCache)
    reduce = gate.reduce if gate.reduce in ("mean", "max") else "mean"
    drifts, changes = Drifts(0.0, reduce=reduce), Changes()
    task.run(call, replace(never_skip(method.granularity), gate=drifts), changes)
    steps = sorted(drifts.seen.keys() & changes.seen.keys())
    return [(drifts.seen[i], changes.seen[i]) for i in _inner(steps)]


def _inner(steps: Sequence[int]) -> Sequence[int]:
    """Without the last, whose change is of another kind; the first has none."""
    return steps[:-1] if len(steps) > 2 else steps
