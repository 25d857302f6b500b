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
from foretrace.runtime.times import Reading, TimeReader

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
    """Where a time's noise level comes from: the scheduler's list of sigmas, or its table of alphas."""
    if hasattr(scheduler, "sigmas") and hasattr(scheduler, "step_index"):
        return "sigmas"
    return "alphas" if getattr(scheduler, "alphas_cumprod", None) is not None else None


def is_flow(scheduler: Any) -> bool:
    """Whether sigma runs from 1 (noise) to 0 (data) and the data fade with it, as in rectified flow."""
    config = getattr(scheduler, "config", {})
    return (
        "FlowMatch" in type(scheduler).__name__
        or bool(getattr(config, "use_flow_sigmas", False))
        or getattr(config, "prediction_type", "") == "flow_prediction"
    )


def coordinate(axis: TimeAxis, step: Step, now: Reading, scheduler: Any, reader: TimeReader) -> float:
    """The coordinate of ``step``, whose time was read as ``now``.

    ``sigma`` is that of the scheduler's own list, ``sqrt((1 - a) / a)`` where it has a table of alphas only;
    ``logsnr`` is ``2 log((1 - sigma) / sigma)`` for flows and ``-2 log(sigma)`` otherwise.
    """
    if axis == "index":
        return float(step.index)
    if axis == "timestep":
        return step.t
    if noise_source(scheduler) == "sigmas" and now.position is not None:
        sigma = reader.host_list(scheduler, "sigmas")[now.position]
    else:
        alphas = scheduler.alphas_cumprod
        alpha = float(alphas[min(max(round(now.given), 0), len(alphas) - 1)])
        sigma = math.sqrt((1 - alpha) / alpha)
    if axis == "sigma":
        return sigma
    if is_flow(scheduler):
        sigma = min(max(sigma, EDGE), 1 - EDGE)
        return 2 * math.log((1 - sigma) / sigma)
    return -2 * math.log(max(sigma, EDGE))
