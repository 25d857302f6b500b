"""How far an error of the output carries, against the schedulers' own steps."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler

from foretrace.runtime.reach import reach
from foretrace.runtime.times import TimeReader

TABLE = {
    "ddim, noise": DDIMScheduler(clip_sample=False),
    "ddim, velocity": DDIMScheduler(clip_sample=False, prediction_type="v_prediction"),
    "ddim, sample": DDIMScheduler(clip_sample=False, prediction_type="sample"),
    "ddim, zero at the end": DDIMScheduler(clip_sample=False, set_alpha_to_one=False, steps_offset=1),
    "flow": FlowMatchEulerDiscreteScheduler(shift=3.0),
}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("steps", [5, 20])
def test_the_scheduler_moves_the_latent_by_so_much(name, steps) -> None:
    scheduler, reader = TABLE[name], TimeReader()
    scheduler.set_timesteps(steps)
    x = torch.randn(1, 4)
    for place, time in enumerate(scheduler.timesteps):
        now = reader.read(time, scheduler)
        carried = reach(scheduler, now, reader)
        if hasattr(scheduler, "_step_index"):
            scheduler._step_index = place
        plain = scheduler.step(torch.zeros(1, 4), time, x)[0]
        if hasattr(scheduler, "_step_index"):
            scheduler._step_index = place
        moved = scheduler.step(torch.ones(1, 4), time, x)[0]
        true = float((moved - plain).abs().mean())
        if place + 1 < steps:
            assert carried == pytest.approx(true, rel=2e-2, abs=2e-4)
        else:  # where a schedule does not end at 0 the last step carries a little less
            assert carried == pytest.approx(true, abs=0.05)
        if hasattr(scheduler, "_step_index"):
            scheduler._step_index = place + 1


def test_no_noise_levels_no_reach() -> None:
    reader = TimeReader()
    assert reach(None, reader.read(0.5, None), reader) is None


def test_an_interval_of_time_carries_the_same_however_finely_it_is_cut() -> None:
    """A flow's reaches add up to 1; those of Euler's scaled latents grow slowly with the steps."""
    for steps in (10, 20, 50):
        scheduler, reader = FlowMatchEulerDiscreteScheduler(shift=3.0), TimeReader()
        scheduler.set_timesteps(steps)
        total = 0.0
        for place, time in enumerate(scheduler.timesteps):
            scheduler._step_index = place
            total += reach(scheduler, reader.read(time, scheduler), reader)
        assert total == pytest.approx(float(scheduler.sigmas[0]), rel=1e-5)


def test_sigmas_without_a_table() -> None:
    scheduler, reader = EulerDiscreteScheduler(), TimeReader()
    scheduler.set_timesteps(10)
    first, second = (float(s) for s in scheduler.sigmas[:2])
    expected = (first - second) / (1 + second**2) ** 0.5
    assert reach(scheduler, reader.read(scheduler.timesteps[0], scheduler), reader) == pytest.approx(expected)
