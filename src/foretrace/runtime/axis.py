"""The coordinate in which a predictor sees the steps: their index, or the noise they stand for.

A polynomial in one coordinate is none in another, unless they are affine to each other: on uniform DDIM
grids index and timestep give the same forecasts, on shifted flow schedules they do not.
"""

from __future__ import annotations

import math
from typing import Any

from foretrace.errors import InvalidSetting
from foretrace.history import Step
from foretrace.method import TimeAxis
from foretrace.runtime.times import Reading

EDGE = 1e-3
"""Flow schedules begin at pure noise, where the log-SNR is infinite; sigmas stay this far from 0 and 1."""


def check_axis(axis: TimeAxis, scheduler: Any) -> None:
    """Raise `InvalidSetting` if ``scheduler`` cannot give the coordinate (``None``: one's own loop)."""
    if axis in ("index", "timestep") or noise_source(scheduler) is not None:
        return
    what = "a loop without a pipeline" if scheduler is None else type(scheduler).__name__
    raise InvalidSetting(
        f"time={axis!r} got {what}, which has no noise levels; expected a scheduler with sigmas or "
        "alphas_cumprod. Pass time='index' or time='timestep'."
    )


def noise_source(scheduler: Any) -> str | None:
    """Where a time's noise level comes from: flow sigmas, or the alphas of a variance-preserving schedule."""
    if getattr(scheduler, "alphas_cumprod", None) is not None:
        return "alphas"
    if getattr(scheduler, "sigmas", None) is not None:
        return "flow"
    return None


def coordinate(axis: TimeAxis, step: Step, scheduler: Any, now: Reading) -> float:
    """The coordinate of ``step``, whose time was read as ``now``.

    ``sigma`` is the noise's standard deviation relative to the data's scale: ``sqrt((1 - a) / a)`` for
    variance-preserving schedules, sigma itself for flows; ``logsnr`` is ``log(a / (1 - a))`` and
    ``2 log((1 - sigma) / sigma)``.
    """
    if axis == "index":
        return float(step.index)
    if axis == "timestep":
        return step.t
    scheduled = now.scheduled if hasattr(scheduler, "step_index") else now.given
    if noise_source(scheduler) == "alphas":
        alphas = scheduler.alphas_cumprod
        alpha = float(alphas[min(max(round(scheduled), 0), len(alphas) - 1)])
        return math.sqrt((1 - alpha) / alpha) if axis == "sigma" else math.log(alpha / (1 - alpha))
    sigma = scheduled / scheduler.config.num_train_timesteps
    if axis == "sigma":
        return sigma
    sigma = min(max(sigma, EDGE), 1 - EDGE)
    return 2 * math.log((1 - sigma) / sigma)
