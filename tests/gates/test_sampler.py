"""Gates in stock pipelines: they see what the sampler is given, and the scheduler is put back as it was."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import foretrace as ft
from foretrace.gate import Signal
from foretrace.runtime.scheduler_step import watch_step
from gates.common import gated
from runtime.test_pipelines import PIPELINES


@dataclass(frozen=True)
class Spy(ft.Gate):
    """Notes the shapes and the outputs it is told of, and admits every second step."""

    sees_sampler: ClassVar[bool] = True

    told: list[Signal] = field(default_factory=list)

    def init(self) -> int:
        return 0

    def admits(self, state: int, signal: Signal) -> tuple[bool, int]:
        return signal.age < 2, state

    def computed(self, state: int, signal: Signal) -> int:
        self.told.append(signal)
        return state + 1


@pytest.fixture(params=PIPELINES)
def built(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    pipe, call = PIPELINES[request.param]()
    pipe.set_progress_bar_config(disable=True)
    return pipe, call


def test_it_is_told_what_the_sampler_is_given(built) -> None:
    pipe, call = built
    spy, given = Spy(), []
    undo = watch_step(
        pipe.scheduler, lambda output, sample, *_: given.append((output.clone(), sample.clone()))
    )
    with ft.accelerate(pipe, gated(spy)) as run:
        call()
    undo()
    computed = run.report.computed
    assert set(computed) >= {0, 2, 4, 6}, "and where a second expert begins"
    assert [signal.step.index for signal in spy.told] == computed
    for signal in spy.told:
        output, sample = given[signal.step.index]
        assert torch.equal(signal.output[0], output)
        assert torch.equal(signal.latent, sample)


def test_the_scheduler_is_put_back(built) -> None:
    pipe, call = built
    reference = call()
    with ft.accelerate(pipe, gated(ft.ErrorEstimate(0.0))) as run:
        assert "step" in vars(pipe.scheduler)
        assert np.array_equal(call(), reference), "tolerance 0 is uncached"
        other = copy.deepcopy(pipe.scheduler)
    assert len(run.report.computed) == 8
    assert "step" not in vars(pipe.scheduler)
    assert other.step.__self__ is other, "a copied scheduler steps itself"
    assert np.array_equal(call(), reference)


def test_watchers_nest_and_leave_nothing(built) -> None:
    pipe, call = built
    seen: list[str] = []
    outer = watch_step(pipe.scheduler, lambda *_: seen.append("outer"))
    inner = watch_step(pipe.scheduler, lambda *_: seen.append("inner"))
    call(steps=4)
    inner()
    inner()
    outer()
    assert seen == ["inner", "outer"] * 4 or seen == ["outer", "inner"] * 4
    assert "step" not in vars(pipe.scheduler)


def test_a_scheduler_may_be_swapped_between_runs() -> None:
    pipe, call = PIPELINES["dit"]()
    pipe.set_progress_bar_config(disable=True)
    spy, first = Spy(), pipe.scheduler
    with ft.accelerate(pipe, gated(spy)):
        call()
        told = len(spy.told)
        pipe.scheduler = type(first).from_config(first.config)
        call()
        assert "step" not in vars(first)
    assert len(spy.told) == 2 * told
    assert "step" not in vars(pipe.scheduler)


def test_samples_of_a_batched_guidance_decide_as_one() -> None:
    """DiT calls cond and uncond in one batch: both rows of a sample are computed, or none."""
    pipe, call = PIPELINES["dit"]()
    pipe.set_progress_bar_config(disable=True)
    sizes: list[int] = []

    def note(module, args, kwargs) -> None:
        sizes.append(len(args[0] if args else kwargs["hidden_states"]))

    pipe.transformer.register_forward_pre_hook(note, with_kwargs=True)
    gate = ft.ErrorEstimate(0.02, reduce="sample")
    with ft.accelerate(pipe, gated(gate)) as run:
        together = call(batch=3, guidance_scale=4.0)
        assert np.array_equal(call(batch=3, guidance_scale=4.0), together)
    assert any(0 < c.share < 1 for c in run.report.calls) or run.report.skipped
    assert all(size % 2 == 0 or size == 1 for size in sizes), "one row alone only in the proof"


def test_without_a_sampler_it_is_told_the_denoisers_output() -> None:
    pipe, _ = PIPELINES["dit"]()
    spy, model = Spy(), pipe.transformer
    with ft.accelerate(model, gated(spy), steps=4):
        x = torch.randn(2, 4, 8, 8)
        for i in range(4):
            model(x, timestep=torch.full((2,), 900 - 200 * i), class_labels=torch.tensor([1, 2]))
        model(x, timestep=torch.full((2,), 900), class_labels=torch.tensor([1, 2]))
    assert [signal.step.index for signal in spy.told] == [0, 2, 0]
    assert all(signal.output[0].shape == (2, 4, 8, 8) for signal in spy.told)
