"""What must hold of every gate that is a threshold, on every family and at every site it can look at."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

import foretrace as ft
from foretrace.errors import InvalidSetting
from foretrace.gate import Signal
from gates.common import Planned, gated
from tiny import FAMILIES, sample

GATES = {
    "error": (ft.ErrorEstimate(0.0), ft.PerModel()),
    "error, stack": (ft.ErrorEstimate(0.0, 2), ft.PerStack()),
    "error, alone": (ft.ErrorEstimate(0.0, branches="alone", reduce="any"), ft.PerModel()),
    "error, sample": (ft.ErrorEstimate(0.0, reduce="sample"), ft.PerModel()),
    "tea": (ft.TeaCache(0.0), ft.PerStack(store="residual")),
    "tea, sample": (ft.TeaCache(0.0, reduce="sample"), ft.PerStack(store="residual")),
    "tea, fitted": (ft.TeaCache(0.0, (1.0, 2.0, 0.1), (0.0, 0.5)), ft.PerStack()),
    "modulation": (ft.StepModulation(0.0), ft.PerModel()),
    "modulation, any": (ft.StepModulation(0.0, reduce="any"), ft.PerStack()),
    "first": (ft.FirstBlock(0.0), ft.PerStack(head=1, store="residual")),
    "first, any": (ft.FirstBlock(0.0, reduce="any"), ft.PerStack(head=1)),
    "first, max": (ft.FirstBlock(0.0, reduce="max"), ft.PerStack(head=2)),
}


def at(gate: ft.Gate, value: float) -> ft.Gate:
    name = "tolerance" if isinstance(gate, (ft.ErrorEstimate, ft.StepModulation)) else "threshold"
    return replace(gate, **{name: value})


@pytest.fixture(params=GATES, ids=str)
def method(request) -> ft.Method:
    return gated(*GATES[request.param])


@pytest.fixture(params=FAMILIES.values(), ids=lambda f: f.name)
def family(request):
    return request.param


def test_tolerance_zero_is_uncached_bit_for_bit(family, method) -> None:
    model = family.model()
    expected = sample(family, model, branches=2)
    with ft.accelerate(model, method, steps=8) as run:
        assert torch.equal(sample(family, model, branches=2), expected)
    assert run.report.computed == list(range(8))
    assert torch.equal(sample(family, model, branches=2), expected)


def test_without_a_limit_only_the_schedule_binds(family, method) -> None:
    model = family.model()
    endless = replace(method, schedule=ft.Window(2, 1), gate=at(method.gate, math.inf))
    with ft.accelerate(model, endless, steps=8) as run:
        sample(family, model)
    assert run.report.computed == [0, 1, 7]


def test_decisions_repeat_and_a_broken_run_leaks_nothing(family, method) -> None:
    model = family.model()
    some = replace(method, gate=at(method.gate, 0.15))
    with ft.accelerate(model, some, steps=8) as run:
        first = sample(family, model, branches=2)
        computed = run.report.computed
        with pytest.raises(KeyboardInterrupt):
            sample(family, model, seed=1, stop_at=5, branches=2)
        assert torch.equal(sample(family, model, branches=2), first)
        assert run.report.computed == computed


def test_a_signal_that_is_not_finite_is_not_admitted(method) -> None:
    gate = at(method.gate, math.inf)
    step = ft.Step(1, total=8, batch=2)
    good, bad = torch.randn(2, 4, 8, 8), torch.full((2, 4, 8, 8), math.nan)
    stream, spoilt = (torch.randn(2, 6, 8),), (torch.full((2, 6, 8), math.nan),)

    def seen(index: int, x: torch.Tensor, probe, output) -> Signal:
        now = replace(step, index=index)
        return Signal(now, 1, x, stream, probe, (output,), 0.1)

    state = gate.init()
    for index in range(3):
        state = gate.computed(state, seen(index, good, (torch.randn(2, 6, 8),), torch.randn(2, 4, 8, 8)))
    assert gate.admits(state, seen(3, good, (torch.randn(2, 6, 8),), good))[0]
    state = gate.computed(state, seen(3, bad, spoilt, bad))
    assert not gate.admits(state, seen(4, good, stream, good))[0]


@pytest.mark.parametrize("value", [-0.1, math.nan, "much"])
def test_thresholds_out_of_range(method, value) -> None:
    with pytest.raises(InvalidSetting, match="expected a number from 0 to inf"):
        at(method.gate, value)


def test_a_gate_without_its_probe_says_what_to_pass() -> None:
    model = FAMILIES["dit"].model()
    for gate, granularity, wanted in (
        (ft.TeaCache(0.1), ft.PerModel(), r"PerStack\(\)"),
        (ft.FirstBlock(0.1), ft.PerStack(), r"PerStack\(head=1\)"),
        (ft.FirstBlock(0.1), ft.PerModule(), r"PerStack\(head=1\)"),
    ):
        with pytest.raises(InvalidSetting, match=rf"expected {wanted}.*Pass granularity={wanted}"):
            ft.attach(model, gated(gate, granularity), steps=8)
    assert "_call_impl" not in model.__dict__


def test_coefficients_need_the_range_they_were_fitted_on() -> None:
    with pytest.raises(InvalidSetting, match=r"expected both or neither.*fitted=\("):
        ft.TeaCache(0.1, (1.0, 2.0))
    with pytest.raises(InvalidSetting, match="expected finite numbers"):
        ft.TeaCache(0.1, (1.0, math.nan), (0.0, 1.0))
    gate = ft.TeaCache(0.1, (1.0, 0.0, -0.04), (0.1, 0.5))
    assert gate.rise(0.0) == gate.rise(0.1) == 0.0, "below its range, and below zero"
    assert gate.rise(0.3) == pytest.approx(0.05)
    assert gate.rise(9.0) == gate.rise(0.5)


def test_branches_follow_the_first_or_decide_alone() -> None:
    family = FAMILIES["dit"]
    model = family.model()
    for branches in ("lead", "alone"):
        with ft.accelerate(model, gated(Planned(admitted=(2, 3, 5), branches=branches)), steps=8) as run:
            sample(family, model, branches=2)
        assert set(run.report.branches.values()) == {(5, 3)}


def test_the_gate_is_asked_once_a_step_by_its_leader() -> None:
    family = FAMILIES["dit"]
    model = family.model()
    asked: list[int] = []

    class Counting(Planned):
        def admits(self, state, signal):
            asked.append(signal.step.index)
            return super().admits(state, signal)

    with ft.accelerate(model, gated(Counting(admitted=(2,))), steps=8):
        sample(family, model, branches=2)
    assert asked == list(range(1, 8))
