"""NaN or inf in a feature: named, never spread by forecasts, and gone as soon as the model is well again."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor, nn

import foretrace as ft
from foretrace.errors import ClockError, NonFinite


class Sick(nn.Module):
    """A denoiser that returns ``bad`` at some steps and the negative time otherwise."""

    def __init__(self, bad: float, steps: set[int]) -> None:
        super().__init__()
        self.bad, self.steps, self.calls = bad, steps, 0

    def forward(self, x: Tensor, t: float) -> Tensor:
        self.calls += 1
        y = torch.full_like(x, -t)
        if -t in self.steps:
            y[0, 1] = self.bad
        return y


def outputs(model: nn.Module, steps: int = 12) -> Tensor:
    return torch.stack([model(torch.zeros(2, 3), -float(i)) for i in range(steps)])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("predictor", [ft.Lagrange(1), ft.AdaptiveLagrange(3), ft.FoCa()], ids=str)
def test_the_run_goes_on_computed_and_forecasts_again_when_it_can(bad: float, predictor) -> None:
    model = Sick(bad, {3})
    method = ft.Method(ft.Stride(3, "first"), predictor)
    with (
        ft.accelerate(model, method) as run,
        pytest.warns(UserWarning, match=r"Sick.*PerModel.*step 3 .*NaN"),
    ):
        got = outputs(model)
    # 3 was planned and is sick, so 4 is computed; 4 alone is then reused until 6, and so on as planned
    assert run.report.computed == [0, 3, 4, 6, 9]
    assert "step 3" in str(run.report)
    assert torch.isfinite(got[torch.arange(12) != 3]).all()
    assert torch.equal(got[10], torch.full((2, 3), 10.0)), "two healthy points carry a line again"


def test_a_sick_model_is_computed_throughout() -> None:
    model = Sick(float("nan"), set(range(12)))
    with ft.accelerate(model, "fora", anchor="first", granularity="model") as run:
        with pytest.warns(UserWarning, match="NaN") as caught:
            outputs(model)
    assert len(caught) == 1, "once a run"
    assert run.report.skipped == []


def test_or_it_stops_with_an_error() -> None:
    model = Sick(float("nan"), {3})
    with ft.accelerate(model, "fora", anchor="first", granularity="model", on_nonfinite="stop") as run:
        with pytest.raises(NonFinite, match=r"step 3 .*expected finite"):
            outputs(model)
        model.steps = set()
        assert torch.isfinite(outputs(model)).all()
    assert run.report.computed == [0, 3, 6, 9]


def test_a_healthy_run_says_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = Sick(0.0, set())
        with ft.accelerate(model, "tracache", interval=3, anchor="first", granularity="model") as run:
            outputs(model)
    assert run.report.notes == ()
    assert model.calls == 4


def test_two_computed_steps_at_one_coordinate_are_refused() -> None:
    predictor = ft.Lagrange(1)
    state = predictor.commit(predictor.init(), ft.Step(0, coordinate=0.5), (torch.zeros(1),))
    with pytest.raises(ClockError, match=r"same time coordinate 0\.5.*time='index'"):
        predictor.commit(state, ft.Step(1, coordinate=0.5), (torch.ones(1),))
