"""`tune`: when to compute and how to forecast, found by cached runs on the user's own model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from foretrace.checks import at_least, between
from foretrace.errors import InvalidSetting, NoGain
from foretrace.granularity import Granularity
from foretrace.offline.calls import Call
from foretrace.offline.progress import Progress, silent
from foretrace.offline.search import Found
from foretrace.offline.spread import gain_with_spread
from foretrace.offline.tuner import PREDICTORS, TOGETHER, Tuner, prepare
from foretrace.predictor import Predictor
from foretrace.profile import Profile


def tune(
    pipe: Any,
    calls: Iterable[Call],
    *,
    speedup: float | None = None,
    computed_steps: int | None = None,
    max_error: float | None = None,
    minutes: float = 5.0,
    held_out: int | None = None,
    granularity: str | Granularity = "model",
    predictors: Sequence[Predictor] = PREDICTORS,
    factors: bool = True,
    together: int = TOGETHER,
    folder: str | Path | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Profile:
    """Find which steps to compute and how to forecast the others, for this model, sampler and length.

    Give one of ``speedup`` (steps over computed steps), ``computed_steps``, or ``max_error`` (the fewest
    computed steps whose mean relative L2 of final latents, on held-out calls, stays below).

    Args:
        pipe: a diffusers pipeline.
        calls: keyword arguments of each pipeline call, with fixed noise; all of one length. A dozen samples
            are enough to begin with; more carry over better.
        speedup: see above.
        computed_steps: see above.
        max_error: see above.
        minutes: the time for searching, after the recording.
        held_out: how many of the last calls only judge; a third, at least one.
        granularity: where to forecast; the denoiser's output by default, where skipping is cheapest.
        predictors: what to choose from.
        factors: whether most of the time goes to fitting the increments of the forecasts (`ScaledLagrange`).
        together: candidates that are run at once, their samples in one batch; fewer where memory runs out or
            a call cannot be repeated in a batch. What was possible is in ``measured["together"]``.
        folder: where recordings and verdicts are kept, so that a search that was cut off goes on.
        seed: of the order in which moves are tried.
        progress: is told of the work done.

    Raises:
        InvalidSetting: none or several goals, or one out of range.
        NoGain: ``max_error`` cannot be held even with every second step computed.
    """
    goals = {"speedup": speedup, "computed_steps": computed_steps, "max_error": max_error}
    given = [name for name, value in goals.items() if value is not None]
    if len(given) != 1:
        raise InvalidSetting(
            f"got {', '.join(given) or 'no goal'}; expected one of speedup, computed_steps and max_error. "
            "Pass one."
        )
    between("minutes", minutes, 0.0, math.inf)
    _check_goal(speedup, computed_steps, max_error)
    tuner = prepare(
        pipe,
        calls,
        held_out=held_out,
        granularity=granularity,
        predictors=predictors,
        factors=factors,
        together=together,
        folder=folder,
        progress=progress,
    )
    if max_error is not None:
        count, found = _fewest(tuner, max_error, minutes, seed, progress)
    else:
        count = _count(tuner.steps, speedup, computed_steps)
        found = tuner.search(count, 60 * minutes, seed, progress)
    return as_profile(tuner, found, count)


def _check_goal(speedup: float | None, computed: int | None, limit: float | None) -> None:
    """What can be refused before the steps of a run are known."""
    if speedup is not None:
        between("speedup", speedup, 1.0, math.inf)
    if computed is not None:
        at_least("computed_steps", computed, 1)
    if limit is not None:
        between("max_error", limit, 0.0, math.inf)


def _count(steps: int, speedup: float | None, computed: int | None) -> int:
    if computed is None:
        assert speedup is not None
        between("speedup", speedup, 1.0, float(steps))
        computed = max(1, round(steps / speedup))
    between("computed_steps", computed, 1, steps)
    return computed


def _fewest(tuner: Tuner, limit: float, minutes: float, seed: int, progress: Progress) -> tuple[int, Found]:
    """Bisection over the number of computed steps, an equal share of the time for each."""
    low, high = 2, max(2, tuner.steps // 2)
    rounds = max(1, math.ceil(math.log2(high - low + 1)) + 1)
    share, best = 60 * minutes / rounds, None
    while low <= high:
        middle = (low + high) // 2
        found = tuner.search(middle, share, seed, progress)
        if found.held_out <= limit:
            best, high = (middle, found), middle - 1
        else:
            low = middle + 1
    if best is None:
        raise NoGain(
            f"no schedule with {max(2, tuner.steps // 2)} or fewer of {tuner.steps} computed steps has an "
            f"error of {limit:g} or less; expected one. Raise max_error, or give more minutes."
        )
    return best


def as_profile(tuner: Tuner, found: Found, count: int) -> Profile:
    """What was found, with the best uniform stride beside it for comparison."""
    reference, uniform_error = tuner.best_uniform(count)
    if found.held_out > uniform_error:  # what did not carry over is not handed out
        searched = tuner.judge.error(reference)
        found = replace(found, candidate=reference, error=searched, held_out=uniform_error)
    samples = [sum(len(x) for x in judge.references) for judge in (tuner.judge, tuner.held_out)]
    measured = {
        "held_out_error": found.held_out,
        "search_error": found.error,
        "uniform_held_out_error": uniform_error,
        "gain": gain_with_spread(tuner.held_out.each(reference), tuner.held_out.each(found.candidate)),
        "uniform": [list(reference.computed), str(reference.predictor)],
        "computed": list(found.candidate.computed),
        "runs": found.runs,
        "seconds": round(found.seconds, 1),
        "samples": samples,
        "together": tuner.judge.most if tuner.judge.together.alone is None else tuner.judge.together.alone,
        "by_gaps": found.by_gaps,
        "path": found.path,
        "amplification": [round(a, 6) for a in tuner.amplification],
    }
    method = found.candidate.method(tuner.judge.granularity)
    return Profile(method, tuner.recording.made_for, measured)
