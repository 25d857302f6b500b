"""Bad input gets an error that says got, expected, do this, and nothing is half-applied."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import foretrace as ft
from foretrace.errors import (
    ClockError,
    ForetraceError,
    InvalidSetting,
    ShapeChanged,
    UnknownMethod,
    UnsupportedModel,
    UnsupportedTarget,
)
from runtime.test_laws import snapshot
from tiny import FAMILIES, sample

DIT = FAMILIES["dit"]


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return DIT.model()


@pytest.mark.parametrize(
    ("error", "words", "method", "settings"),
    [
        (UnknownMethod, ("'tracash'", "Did you mean 'tracache'", "fora"), "tracash", {}),
        (InvalidSetting, ("'intervall'", "interval, order"), "tracache", {"intervall": 3}),
        (InvalidSetting, ("interval got 0",), "fora", {"interval": 0}),
        (InvalidSetting, ("order got -1",), "tracache", {"order": -1}),
        (InvalidSetting, ("select got 'mean'", "'std'"), "tracache", {"select": "mean"}),
        (InvalidSetting, ("over got 'token'",), "tracache", {"over": "token"}),
        (InvalidSetting, ("granularity got 'blocks'", "'stack'"), "fora", {"granularity": "blocks"}),
        (InvalidSetting, ("history_dtype got 'half8'",), "fora", {"history_dtype": "half8"}),
        (InvalidSetting, ("history_dtype", "int32"), "fora", {"history_dtype": torch.int32}),
        (InvalidSetting, ("steps got 0",), "fora", {"steps": 0}),
        (ClockError, ("steps=",), "fora", {"anchor": "last"}),
        (InvalidSetting, ("step 9", "8 steps"), ft.Method(ft.Mask([0, 9]), ft.Reuse()), {"steps": 8}),
        (InvalidSetting, ("Method object", "interval"), ft.Method(ft.Mask([0]), ft.Reuse()), {"interval": 2}),
    ],
)  # fmt: skip
def test_bad_settings(model, error, words, method, settings) -> None:
    before = snapshot(model)
    with pytest.raises(error) as caught:
        ft.attach(model, method, **settings)
    assert isinstance(caught.value, ForetraceError)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert snapshot(model) == before


@pytest.mark.parametrize("part", ["schedule", "predictor", "granularity"])
def test_a_method_of_wrong_parts(part: str) -> None:
    parts = {"schedule": ft.Stride(2), "predictor": ft.Reuse(), "granularity": ft.PerModel()}
    with pytest.raises(InvalidSetting, match=rf"Method\.{part} got 3"):
        ft.Method(**{**parts, part: 3})


@pytest.mark.parametrize("target", [nn.Linear(2, 2), object(), "pipe", None, nn.Linear])
def test_a_target_that_is_no_denoiser(target: object) -> None:
    with pytest.raises(UnsupportedTarget, match=r"expected .*\. Pass"):
        ft.attach(target, "fora")


def test_a_pipeline_without_a_denoiser() -> None:
    class Pipe:
        components = {"vae": nn.Linear(2, 2), "scheduler": None}  # noqa: RUF012

    with pytest.raises(UnsupportedTarget, match="vae, scheduler"):
        ft.attach(Pipe(), "fora")


class NoBlocks(nn.Module):
    """A denoiser that is one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor, t: float) -> torch.Tensor:
        return self.layer(x) * t


def test_a_model_without_sites_for_the_granularity() -> None:
    model = NoBlocks()
    before = snapshot(model)
    with pytest.raises(UnsupportedModel, match=r"NoBlocks.*PerModel"):
        ft.attach(model, "fora", anchor="first", granularity=ft.PerStack())
    assert snapshot(model) == before
    with ft.accelerate(model, "fora", anchor="first", granularity=ft.PerModel()) as run:
        for t in (3.0, 2.0, 1.0):
            model(torch.ones(1, 4), t)
    assert run.report.skipped == [1, 2]


def test_a_head_and_tail_that_leave_nothing(model) -> None:
    granularity, before = ft.PerStack(head=2, tail=1), snapshot(model)
    with (
        ft.accelerate(model, "fora", anchor="first", granularity=granularity),
        pytest.raises(UnsupportedModel, match="runs 3 blocks"),
    ):
        sample(DIT, model)
    assert snapshot(model) == before


@torch.no_grad()
@pytest.mark.parametrize("granularity", [ft.PerModel(), ft.PerStack()], ids=str)
@pytest.mark.parametrize("at", [1, 3])
def test_a_shape_change_inside_a_run(model, granularity, at: int) -> None:
    """At a skipped step (1) as at a computed one (3): never a guess, and the next run is a fresh one."""

    def call(i: int, size: int) -> None:
        latent = torch.randn(2, 4, size, size, generator=torch.Generator().manual_seed(0))
        labels = torch.tensor([1, 2])
        model(latent, timestep=torch.tensor([900 - i, 900 - i]), class_labels=labels)

    with ft.accelerate(model, "fora", interval=3, anchor="first", granularity=granularity) as run:
        for i in range(at):
            call(i, 8)
        with pytest.raises(ShapeChanged, match=r"shape \(2, 4, 4, 4\).*expected \(2, 4, 8, 8\)"):
            call(at, 4)
        call(0, 8)
        assert run.report.computed == [0]


def test_a_loop_longer_than_it_said(model) -> None:
    with ft.accelerate(model, "fora", anchor="last", steps=5) as run:
        sample(DIT, model, steps=5)
        with pytest.raises(ClockError, match=r"step 6 of a run of steps=5"):
            sample(DIT, model, steps=8)
        run.begin(steps=8)
        sample(DIT, model, steps=8)
        assert run.report.computed == ft.Stride(3, "last").table(8)
        with pytest.raises(InvalidSetting, match="steps got 0"):
            run.begin(steps=0)


def test_a_call_without_time(model) -> None:
    with (
        ft.accelerate(model, "fora", anchor="first"),
        pytest.raises(ClockError, match=r"'timestep'.*Pass timestep="),
    ):
        model(torch.zeros(1, 4, 8, 8), class_labels=torch.tensor([0]))


def test_a_denoiser_compiled_as_a_whole_is_refused() -> None:
    model = DIT.model()
    model.compile(backend="eager")
    with pytest.raises(UnsupportedModel, match="compile_repeated_blocks"):
        ft.attach(model, "fora", anchor="first")
    with pytest.raises(UnsupportedModel, match="compile_repeated_blocks"):
        ft.attach(torch.compile(DIT.model(), backend="eager"), "fora", anchor="first")


def test_begin_starts_a_run_the_times_cannot_tell(model) -> None:
    """A run given up at its first step begins again at the same time."""
    with ft.accelerate(model, "fora", interval=3, anchor="first") as run:
        fresh = sample(DIT, model, 4)
        with pytest.raises(KeyboardInterrupt):
            sample(DIT, model, 4, seed=9, stop_at=1)
        run.begin()
        assert torch.equal(sample(DIT, model, 4), fresh)
        assert set(run.report.branches) == {("denoiser", 0)}
