"""What the sampler says of one step: how far an error of the output carries, and how noisy the latent is."""

from __future__ import annotations

import math
from typing import Any

from foretrace.runtime.axis import is_flow, noise_source
from foretrace.runtime.times import Reading, TimeReader


def reach(scheduler: Any, now: Reading, reader: TimeReader) -> float | None:
    """``|d x_next / d output|`` of a first-order step, for a latent of about unit size.

    With signal ``a`` and noise ``s`` at this time and ``a', s'`` at the next:

        noise prediction      a' |s'/a' - s/a|
        velocity (v)          sin(phi - phi'),  tan phi = s / a
        sample prediction     |a' - a s'/s|
        flow                  |s' - s|

    which for DDIM and flow Euler is exact; multistep samplers give the newest output about this weight.
    ``None`` without a pipeline, or where its scheduler has no noise levels.
    """
    source = noise_source(scheduler)
    if scheduler is None or source is None:
        return None
    noise, after = _levels(scheduler, source, now, reader)
    if is_flow(scheduler):
        return abs(noise - after)
    angle, next_angle = math.atan(noise), math.atan(after)
    kind = getattr(scheduler.config, "prediction_type", "epsilon")
    if kind == "v_prediction":
        return abs(math.sin(angle - next_angle))
    if kind == "sample":
        return abs(math.cos(next_angle) - math.sin(next_angle) / max(noise, 1e-6))
    return math.cos(next_angle) * abs(after - noise)


def noise_over_signal(scheduler: Any, now: Reading, reader: TimeReader) -> float | None:
    """``s / a`` of the latent at this time, from 1e-6 to 1e6; ``None`` where `reach` is."""
    source = noise_source(scheduler)
    if scheduler is None or source is None:
        return None
    level, _ = _levels(scheduler, source, now, reader)
    if is_flow(scheduler):
        level = level / max(1.0 - level, 1e-6)
    return min(max(level, 1e-6), 1e6)


def _levels(scheduler: Any, source: str, now: Reading, reader: TimeReader) -> tuple[float, float]:
    """Noise over signal (a flow's sigma) at this time of the run and at the next; 0 at the end."""
    if source == "sigmas" and now.position is not None:
        sigmas = reader.host_list(scheduler, "sigmas")
        here = sigmas[now.position]
        later = (x for x in sigmas[now.position + 1 :] if x != here)  # Heun lists a level twice
        return here, next(later, 0.0)
    times = reader.host_list(scheduler)
    place = times.index(now.given) if now.given in times else None
    after = times[place + 1] if place is not None and place + 1 < len(times) else None
    return _of_alphas(scheduler, now.given), 0.0 if after is None else _of_alphas(scheduler, after)


def _of_alphas(scheduler: Any, time: float) -> float:
    alphas = scheduler.alphas_cumprod
    alpha = float(alphas[min(max(round(time), 0), len(alphas) - 1)])
    return math.sqrt((1 - alpha) / alpha)
