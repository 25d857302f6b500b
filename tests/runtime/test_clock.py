"""From times to steps, branches and runs."""

from __future__ import annotations

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    HeunDiscreteScheduler,
    UniPCMultistepScheduler,
)
from hypothesis import given
from hypothesis import strategies as st

from foretrace.errors import ClockError
from foretrace.runtime.clock import Clock, begin, restarts, tick
from foretrace.runtime.invocation import Invocation
from foretrace.runtime.signature import Signature
from foretrace.runtime.times import TimeReader, run_length


def follow(times: list[float]) -> list[tuple[int, int, int]]:
    """(run, step, branch) of every call, as a session drives the clock."""
    clock, run, seen = Clock(), 0, []
    for time in times:
        if restarts(clock, time):
            clock, run = begin(None), run + 1
        clock = tick(clock, time)
        seen.append((run, clock.index, clock.branch))
    return seen


falling = st.lists(st.floats(0, 1000), min_size=2, max_size=30, unique=True).map(
    lambda times: sorted(times, reverse=True)
)


@given(falling, st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_steps_branches_and_runs(times: list[float], branches: int, runs: int, rising: bool) -> None:
    times = times[::-1] if rising else times
    calls = [time for time in times for _ in range(branches)]
    expected = [
        (run, step, branch) for run in range(runs) for step in range(len(times)) for branch in range(branches)
    ]
    assert follow(calls * runs) == expected


@given(falling, st.integers(1, 29))
def test_a_run_cut_off_after_its_second_step_is_over(times: list[float], cut: int) -> None:
    cut = max(2, min(cut, len(times)))
    assert follow(times[:cut] + times)[cut:] == [(1, i, 0) for i in range(len(times))]


@pytest.mark.parametrize(
    "scheduler",
    [DDIMScheduler(), DPMSolverMultistepScheduler(), UniPCMultistepScheduler(),
     FlowMatchEulerDiscreteScheduler(shift=3.0), HeunDiscreteScheduler()],
    ids=lambda s: type(s).__name__,
)  # fmt: skip
def test_the_length_of_a_run_is_the_number_of_distinct_times(scheduler) -> None:
    scheduler.set_timesteps(12)
    times = TimeReader().host_list(scheduler)
    assert run_length(scheduler, times, times[0]) == 12
    steps = {step for _, step, _ in follow(times)}
    assert len(steps) == 12
    # a late start, as image to image does, counts only its own steps
    late = next(t for t in times if t < 600)
    assert run_length(scheduler, times, late) == len({t for t in times if t <= late})


def test_a_model_fed_scaled_times_starts_where_the_pipeline_told_the_scheduler() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(10)
    times = scheduler.timesteps.tolist()
    assert run_length(scheduler, times, times[0] / 1000) == 10
    scheduler.set_begin_index(4)
    assert run_length(scheduler, times, times[4] / 1000) == 6


def test_times_are_read_in_any_form() -> None:
    reader = TimeReader()
    assert reader.read(7, None).given == 7.0
    assert reader.read(0.25, None).given == 0.25
    assert reader.read(torch.tensor(981), None).given == 981.0
    assert reader.read(torch.tensor([3.0, 3.0]), None).given == 3.0
    # first-frame tokens of an image-to-video model are clean, time 0
    assert reader.read(torch.tensor([[0.0, 500.0], [0.0, 500.0]]), None).given == 500.0
    assert reader.synchronisations == 0


def test_steps_that_round_to_one_time_stay_apart() -> None:
    """A pipeline in bf16 gives neighbouring steps of a shifted schedule the same time."""
    scheduler, reader = FlowMatchEulerDiscreteScheduler(shift=7.0), TimeReader()
    scheduler.set_timesteps(50)
    times = (scheduler.timesteps / 1000).bfloat16()
    assert len(set(times.tolist())) < 50, "the case must have times that round to the same number"
    clock, sample = Clock(), torch.zeros(1, 2)
    for i, t in enumerate(scheduler.timesteps):
        clock = tick(clock, reader.read(times[i], scheduler).key)
        sample = scheduler.step(torch.zeros(1, 2), t, sample, return_dict=False)[0]
    assert clock.index == 49


class FakeCuda(torch.Tensor):
    """A CPU tensor that says it lives on a GPU and counts how often its values are asked for."""

    reads = 0

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return torch.device("cuda")

    def tolist(self) -> list[float]:
        FakeCuda.reads += 1
        return torch.Tensor.tolist(self.as_subclass(torch.Tensor))

    def __float__(self) -> float:
        FakeCuda.reads += 1
        return float(self.as_subclass(torch.Tensor))


class OnGpu:
    """A scheduler with its list on the fake GPU."""

    def __init__(self, times: list[float]) -> None:
        self.timesteps = torch.tensor(times).as_subclass(FakeCuda)
        self.step_index: int | None = None


def test_on_a_gpu_the_schedulers_index_is_read_instead_of_the_tensor() -> None:
    scheduler, reader = OnGpu([9.0, 6.0, 3.0]), TimeReader()
    FakeCuda.reads = 0
    seen = []
    for index in (None, None, 1, 2):
        scheduler.step_index = index
        seen.append(reader.read(torch.tensor([9.0]).as_subclass(FakeCuda), scheduler).scheduled)
    assert seen == [9.0, 9.0, 6.0, 3.0]
    assert FakeCuda.reads == 1, "once per run, to copy the list"
    assert reader.synchronisations == 1


def test_a_scheduler_that_nobody_steps_does_not_hide_the_steps() -> None:
    """A loop of one's own beside a pipeline: after a while the tensor itself is read, and counted."""
    scheduler, reader, clock = OnGpu([9.0, 6.0, 3.0]), TimeReader(), Clock()
    steps = []
    for time in torch.linspace(900.0, 0.0, 20):
        clock = tick(clock, reader.read(time.as_subclass(FakeCuda), scheduler).key)
        steps.append(clock.index)
    assert steps[-1] > 10
    assert reader.synchronisations > 1


def test_a_call_without_its_time_is_named() -> None:
    with pytest.raises(ClockError, match="'timestep'"):
        Signature(("hidden_states", "timestep"), "timestep").time_of(Invocation(print, (torch.zeros(1),), {}))
