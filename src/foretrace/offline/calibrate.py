"""`calibrate`: TCC's priors for any schedule and predictor, kept only if they help on held-out samples."""

from __future__ import annotations

import math
import statistics
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from foretrace.calibrator.affine import compress
from foretrace.calibrator.procrustes import NULL_SPACES, VARIANTS, NullSpace, Variant
from foretrace.calibrator.tcc import TCC
from foretrace.checks import between, one_of
from foretrace.errors import InvalidSetting, NoGain
from foretrace.method import Method
from foretrace.methods import load_method
from foretrace.offline.calls import Call, check_calls
from foretrace.offline.collect import TokenMeans, never_skip, observing
from foretrace.offline.lines import POOLS, Fit, Full, Pool, fit_line, full_line
from foretrace.offline.progress import Progress, silent
from foretrace.offline.record import record
from foretrace.offline.sampling import check_pipeline, relative_error, sample
from foretrace.offline.spread import gain_with_spread
from foretrace.predictor import Reuse
from foretrace.profile import Profile


@dataclass(frozen=True)
class _Setup:
    """What every strength is fitted and judged with."""

    pipe: Any
    method: Method
    fit_calls: Sequence[Call]
    held_out: Sequence[Call]
    references: list[Any]
    targets: list[int]
    full: Full
    write_back: bool
    one_shot: bool

    def errors(self, method: Method) -> list[float]:
        """Relative L2 of the final latents of every held-out sample to the uncached ones."""
        found: list[float] = []
        for call, reference in zip(self.held_out, self.references, strict=True):
            with observing(self.pipe, method, None):
                found += relative_error(sample(self.pipe, call), reference).tolist()
        return found


def calibrate(
    pipe: Any,
    method: str | Method,
    calls: Iterable[Call],
    *,
    held_out: int | None = None,
    variant: Variant = "full",
    pool: Pool = "token",
    null_space: NullSpace = "identity",
    alpha: float | Sequence[float] = (0.25, 0.5, 1.0),
    window: tuple[float, float] = (0.0, 0.4),
    one_shot: bool = False,
    write_back: bool | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Profile:
    """Fit affine priors that take the forecasts of ``method`` to the full line's features (TCC).

    Liang, Xu, Xu 2026, arXiv:2605.24870; equations in `procrustes`, estimation in `lines`. Their setting is
    reuse at the modules; here it is any schedule, predictor and granularity.

    Args:
        pipe: a diffusers pipeline.
        method: a recipe's name, or a `Method` without a calibrator.
        calls: keyword arguments of each pipeline call, with fixed noise. Every sample is a representative.
        held_out: how many of the last calls judge and are not fitted on; a quarter, at least one.
        variant: "full" (a scaled rotation), "scale_shift" or "shift".
        pool: "token", "class" or "mixed", see `Fit`.
        null_space: what a rotation does in directions that the calls say nothing about.
        alpha: the strength, or several of which the best on the held-out calls is taken. Above 1 is
            over-relaxation.
        window: the skipped steps that are corrected, as a part of the run; the paper corrects early ones.
        one_shot: fit all priors on the uncorrected line (the paper's ablation).
        write_back: whether a corrected feature replaces the newest point; ``None`` means with `Reuse` only,
            as in the paper.
        force: return a profile even where it does not help.
        progress: is told of every run made.

    Raises:
        NoGain: on the held-out calls no strength is better than no calibration.
        InvalidSetting, UnsupportedTarget: as `record`.
    """
    check_pipeline(pipe)
    one_of("variant", variant, VARIANTS)
    one_of("pool", pool, POOLS)
    one_of("null_space", null_space, NULL_SPACES)
    strengths = _strengths(alpha)
    chosen = load_method(method) if isinstance(method, str) else method
    if chosen.calibrator is not None:
        raise InvalidSetting("the method has a calibrator already; expected one without. Pass it bare.")
    back = isinstance(chosen.predictor, Reuse) if write_back is None else write_back
    setup, made_for = _prepare(
        pipe, chosen, check_calls(calls, 2), held_out, window, back, one_shot, progress
    )
    _warn_of_few(setup, variant, pool)
    before = setup.errors(chosen)
    attempts = _attempts(setup, [Fit(variant, pool, null_space, a) for a in strengths], progress)
    best = min(attempts, key=lambda one: one.mean)
    if not (best.mean < statistics.fmean(before) or force):
        raise NoGain(_no_gain(setup, statistics.fmean(before), attempts))
    measured = {
        "held_out_error": best.mean,
        "uncorrected_error": statistics.fmean(before),
        "gain": gain_with_spread(before, best.errors),
        "alpha": best.fit.alpha,
        "errors_by_alpha": {f"{one.fit.alpha:g}": one.mean for one in attempts},
        "targets": setup.targets,
        "variant": variant,
        "pool": pool,
        "calls": [len(setup.fit_calls), len(setup.held_out)],
    }
    return Profile(replace(chosen, calibrator=best.priors), made_for, measured)


def _strengths(alpha: float | Sequence[float]) -> list[float]:
    """The strengths to try, checked."""
    strengths = [float(alpha)] if isinstance(alpha, (int, float)) else list(alpha)
    if not strengths:
        raise InvalidSetting("alpha got no strength; expected one or more. Pass e.g. alpha=(0.25, 0.5, 1.0).")
    for strength in strengths:
        between("alpha", strength, 0.0, 4.0)
    return strengths


@dataclass(frozen=True)
class _Attempt:
    """The priors of one strength, and the held-out errors with them."""

    fit: Fit
    priors: TCC
    errors: list[float]

    @property
    def mean(self) -> float:
        """The mean error; inf where one is not finite."""
        mean = statistics.fmean(self.errors)
        return mean if math.isfinite(mean) else math.inf


def _attempts(setup: _Setup, fits: Sequence[Fit], progress: Progress) -> list[_Attempt]:
    """Every strength, fitted along its own line and judged as it would be stored."""
    attempts = []
    with progress("calibrating", len(fits) * len(setup.targets) * len(setup.fit_calls)) as advance:
        for fit in fits:
            priors = fit_line(
                setup.pipe,
                setup.method,
                setup.fit_calls,
                setup.targets,
                setup.full,
                fit,
                setup.write_back,
                setup.one_shot,
                advance,
            )
            small = replace(priors, maps={place: compress(one) for place, one in priors.maps.items()})
            errors = setup.errors(replace(setup.method, calibrator=small))
            attempts.append(_Attempt(fit, small, errors))
    return attempts


def _no_gain(setup: _Setup, before: float, attempts: Sequence[_Attempt]) -> str:
    tried = ", ".join(f"{one.mean:.4g} at alpha {one.fit.alpha:g}" for one in attempts)
    return (
        f"on {len(setup.held_out)} held-out calls the error is {before:.4g} without calibration and {tried}; "
        "expected less than without. Try a smaller alpha or window, variant='shift', or more calls; use the "
        "method as it is; or pass force=True to get the profile all the same."
    )


def _prepare(
    pipe: Any,
    method: Method,
    calls: Sequence[Call],
    held_out: int | None,
    window: tuple[float, float],
    write_back: bool,
    one_shot: bool,
    progress: Progress,
) -> tuple[_Setup, dict[str, Any]]:
    """The uncached runs, the steps to correct, and the full line's means there."""
    kept = max(1, len(calls) // 4) if held_out is None else held_out
    between("held_out", kept, 1, len(calls) - 1)
    fit_calls, judge = calls[:-kept], calls[-kept:]
    uncached = record(pipe, judge, keep=(), progress=progress)
    targets = _targets(pipe, method, fit_calls[0], window)
    with progress("full line", len(fit_calls)) as advance:
        full = full_line(pipe, never_skip(method.granularity), fit_calls, frozenset(targets), advance)
    setup = _Setup(pipe, method, fit_calls, judge, uncached.latents, targets, full, write_back, one_shot)
    return setup, uncached.made_for


def _targets(pipe: Any, method: Method, call: Call, window: tuple[float, float]) -> list[int]:
    """The steps inside ``window`` that ``method`` skips, found by a run."""
    low, high = window
    between("window", low, 0.0, 1.0)
    between("window", high, low, 1.0)
    observer = TokenMeans()
    with observing(pipe, method, observer) as session:
        sample(pipe, call)
        total = max(call.step for call in session.log.calls) + 1
    skipped = sorted({step for step, _ in observer.of_forecast})
    found = [step for step in skipped if low * total <= step < high * total]
    if not found:
        raise InvalidSetting(
            f"window got {window}, in which {method.name} skips no step (it skips {skipped}); expected some. "
            "Widen it."
        )
    return found


def _warn_of_few(setup: _Setup, variant: Variant, pool: Pool) -> None:
    """A rotation of D channels needs more than D representatives."""
    means = next(iter(setup.full.values()))[0]
    rows = len(means.positions) if pool == "class" else len(means.rows)
    channels = means.rows.shape[1]
    if variant == "full" and rows <= channels:
        warnings.warn(
            f"{rows} representatives for {channels} channels leave {channels - rows + 1} directions of the "
            "rotation open; expected more representatives than channels. Pass more calls with pool='token', "
            "or variant='scale_shift'.",
            stacklevel=3,
        )
