"""The coordinate of a forecast: a denoiser that is a line in one is forecast exactly in that one alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from torch import Tensor, nn

import foretrace as ft
from foretrace.errors import InvalidSetting

AXES = ("index", "timestep", "sigma", "logsnr")


class Line(nn.Module):
    """A denoiser whose output is a straight line in ``coordinate(t)``."""

    def __init__(self, coordinate: Callable[[float], float]) -> None:
        super().__init__()
        self.coordinate = coordinate

    def forward(self, x: Tensor, timestep: Tensor) -> Tensor:
        return torch.ones_like(x) * (3.0 - 2.0 * self.coordinate(float(timestep)))


class Pipe:
    """The least that is a pipeline: components, and a loop over the scheduler's times."""

    def __init__(self, denoiser: nn.Module, scheduler: Any) -> None:
        self.transformer, self.scheduler = denoiser, scheduler

    @property
    def components(self) -> dict[str, Any]:
        return {"transformer": self.transformer, "scheduler": self.scheduler}

    def __call__(self, steps: int = 12) -> list[Tensor]:
        self.scheduler.set_timesteps(steps)
        x, outputs = torch.zeros(1, 2, dtype=torch.float64), []
        for t in self.scheduler.timesteps:
            outputs.append(self.transformer(x, timestep=t.double()))
            x = self.scheduler.step(outputs[-1], t, x, return_dict=False)[0]
        return outputs


def vp_alpha(scheduler: Any, t: float) -> float:
    return float(scheduler.alphas_cumprod[round(t)])


def cases() -> list[tuple[Any, dict[str, Callable[[float], float]]]]:
    """Schedulers on which hardly two of the coordinates are affine to each other, and these by hand."""
    flow = FlowMatchEulerDiscreteScheduler(shift=3.0)
    noisy = {
        "timestep": lambda t: t / 1000,
        "sigma": lambda t: t / 1000,
        "logsnr": lambda t: 2 * math.log((1 - min(t / 1000, 0.999)) / max(min(t / 1000, 0.999), 0.001)),
    }
    both = [(flow, noisy)]
    for scheduler in (DDIMScheduler(), DPMSolverMultistepScheduler()):
        by_hand = {
            "timestep": lambda t: t / 1000,
            "sigma": lambda t, s=scheduler: math.sqrt((1 - vp_alpha(s, t)) / vp_alpha(s, t)),
            "logsnr": lambda t, s=scheduler: math.log(vp_alpha(s, t) / (1 - vp_alpha(s, t))),
        }
        both.append((scheduler, by_hand))
    return both


@pytest.mark.parametrize(("scheduler", "by_hand"), cases(), ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("of", ["timestep", "sigma", "logsnr"])
def test_a_line_in_a_coordinate_is_exact_in_it(scheduler: Any, by_hand: Any, of: str) -> None:
    pipe = Pipe(Line(by_hand[of]), scheduler)
    truth = torch.stack(pipe())
    errors = {}
    for axis in AXES:
        method = ft.Method(ft.Stride(3, "first"), ft.Lagrange(1), time=axis)
        with ft.accelerate(pipe, method):
            # the first interval has one point only and so reuses it
            errors[axis] = float((torch.stack(pipe()) - truth)[4:].abs().max())
    assert errors[of] < 1e-5  # the scheduler's sigmas are fp32
    affine = {"timestep", "sigma"} if isinstance(scheduler, FlowMatchEulerDiscreteScheduler) else {of}
    # the index is affine to the timestep on uniform grids, up to the rounding of timesteps to integers
    affine |= {"index", "timestep"} if of == "timestep" and not hasattr(scheduler, "shift") else set()
    for axis in set(AXES) - affine - {of}:
        assert errors[axis] > 1e-3, axis


def test_noise_levels_need_a_scheduler() -> None:
    model = Line(float)
    for axis in ("sigma", "logsnr"):
        with pytest.raises(InvalidSetting, match=f"time='{axis}'.*Pass time='index'"):
            ft.attach(model, "fora", anchor="first", granularity="model", time=axis)
    with ft.accelerate(model, "fora", anchor="first", granularity="model", time="timestep") as run:
        for t in (3.0, 2.0, 1.0):
            model(torch.zeros(1, 2), torch.tensor(t))
    assert run.report.skipped == [1, 2]
    with pytest.raises(InvalidSetting, match="time got 'seconds'"):
        ft.load_method("fora", time="seconds")


@pytest.mark.parametrize(
    "predictor",
    [
        ft.FoCa(),
        ft.Chebyshev(),
        ft.Damped(ft.Lagrange(1), rate=0.9),
        ft.Blend(ft.Chebyshev(), ft.Lagrange(1), share=0.5),
        ft.Trust(ft.Damped(ft.Lagrange(1), rate=0.9), ft.Lagrange(1)),
    ],
    ids=lambda p: type(p).__name__,
)
def test_what_measures_in_steps_takes_no_other_coordinate(predictor: ft.Predictor) -> None:
    ft.Method(ft.Stride(3, "first"), predictor)
    with pytest.raises(InvalidSetting, match="measures in steps"):
        ft.Method(ft.Stride(3, "first"), predictor, time="timestep")


def test_the_batch_is_told_to_the_predictor() -> None:
    """Rows of a denoiser's output are samples only if there are as many as its input has."""

    class Folded(nn.Module):
        def forward(self, x: Tensor, timestep: float) -> Tensor:
            return torch.cat([x, x]) * timestep**2 + torch.arange(6.0)[:, None] * timestep

    seen = []

    class Spy(ft.AdaptiveLagrange):
        def commit(self, state: Any, step: Any, feature: Any) -> Any:
            seen.append((step.batch, len(feature[0])))
            return super().commit(state, step, feature)

    model = Folded()
    method = ft.Method(ft.Stride(2, "first"), Spy(2), granularity=ft.PerModel())
    with ft.accelerate(model, method):
        for t in range(8, 0, -1):
            model(torch.ones(3, 4), timestep=float(t))
    assert seen == [(3, 6)] * 4
