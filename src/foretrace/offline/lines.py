"""TCC's two lines: priors fitted step by step along the cached line that the earlier ones already correct.

Liang, Xu, Xu 2026, arXiv:2605.24870, section 3.2, read from the authors' code. For every target step, in
the order of denoising: the full line gives A at that step, the cached line, with the priors of all earlier
targets applied, gives B at the same step from the same noise, before its own correction; the prior is the
map from B to A. So a prior corrects the error of its own forecast and the drift that is there by then.
``one_shot`` is the ablation in which the cached line is never corrected while priors are fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from foretrace.calibrator import procrustes
from foretrace.calibrator.affine import AffineMap
from foretrace.calibrator.procrustes import NullSpace, Variant
from foretrace.calibrator.tcc import TCC, Place
from foretrace.history import Feature, SiteKey, Step
from foretrace.method import Method
from foretrace.offline.calls import Call
from foretrace.offline.collect import Means, TokenMeans, observing
from foretrace.offline.progress import Advance
from foretrace.offline.sampling import sample

Pool = Literal["token", "class", "mixed"]
POOLS = ("token", "class", "mixed")
MIXED = 0.5


@dataclass(frozen=True)
class Fit:
    """How a prior is fitted: see `procrustes`; ``pool`` says what the rows of its statistics are.

    "token": a row is a sample, pooled over tokens. "class": a row is a token position, pooled over samples.
    "mixed": the mean of both corrections.
    """

    variant: Variant = "full"
    pool: Pool = "token"
    null_space: NullSpace = "identity"
    alpha: float = 0.5

    def __call__(self, full: Means, cached: Means) -> AffineMap:
        """The folded map of one place."""
        maps = []
        if self.pool != "class":
            prior = procrustes.fit(full.rows, cached.rows, self.variant, self.null_space)
            maps.append(prior.fold(self.alpha))
        if self.pool != "token":
            a, b = (means.positions / means.count for means in (full, cached))
            prior = procrustes.fit_positions(a, b, self.variant, self.null_space)
            maps.append(prior.fold(self.alpha))
        return maps[0] if len(maps) == 1 else procrustes.mix(maps[0], maps[1], MIXED)


class _Enough(Exception):
    """The target step is over; the rest of the run is of no interest."""


class _Until(TokenMeans):
    """Means of the forecasts at one step; the run ends right after it."""

    def __init__(self, step: int) -> None:
        super().__init__(frozenset([step]))
        self.last = step

    def computed(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """A computed step after the target ends the run."""
        self._stop_after(step)

    def forecast(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Keep the target's means; a later forecast ends the run."""
        self._stop_after(step)
        super().forecast(site, step, feature)

    def _stop_after(self, step: Step) -> None:
        if step.index > self.last:
            raise _Enough


Full = dict[tuple[int, SiteKey], list[Means]]
"""Of the full line: (step, site) -> means of every stream, over all calls."""


def full_line(
    pipe: Any, method: Method, calls: Sequence[Call], steps: frozenset[int], advance: Advance
) -> Full:
    """The full line's means at ``steps``; ``method`` is one that never skips."""
    total: Full = {}
    for call in calls:
        observer = TokenMeans(steps)
        with observing(pipe, method, observer):
            sample(pipe, call)
        _add(total, observer.of_computed)
        advance(1)
    return total


def fit_line(
    pipe: Any,
    method: Method,
    calls: Sequence[Call],
    targets: list[int],
    full: Full,
    fit: Fit,
    write_back: bool,
    one_shot: bool,
    advance: Advance,
) -> TCC:
    """The priors of all ``targets``, each fitted on the line that the earlier ones correct."""
    found = TCC({}, write_back)
    for target in targets:
        line = method if one_shot else replace(method, calibrator=found)
        cached: Full = {}
        for call in calls:
            observer = _Until(target)
            with observing(pipe, line, observer):
                try:
                    sample(pipe, call)
                except _Enough:
                    pass
            _add(cached, observer.of_forecast)
            advance(1)
        found = found.with_maps(_maps(full, cached, fit))
    return found


def _maps(full: Full, cached: Full, fit: Fit) -> dict[Place, AffineMap]:
    return {
        Place(step, site, stream): fit(full[step, site][stream], means)
        for (step, site), streams in cached.items()
        for stream, means in enumerate(streams)
    }


def _add(total: Full, seen: Full) -> None:
    for key, streams in seen.items():
        total[key] = [a + b for a, b in zip(total[key], streams, strict=True)] if key in total else streams
