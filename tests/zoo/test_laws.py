"""Two laws that hold for every denoiser class and granularity, or a refusal that says why; nothing else here.

The same time twice is not another step, so the second law takes times so close to zero that every time
embedding of them is the same.
"""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import foretrace as ft
from foretrace.errors import ForetraceError, UnsupportedModel
from foretrace.runtime.packing import unpack
from zoo import CASES
from zoo.refusals import NOT_COUNTED, REFUSED

GRANULARITIES = {"model": ft.PerModel(), "stack": ft.PerStack()}
PAIRS = [(name, kind) for name in CASES for kind in GRANULARITIES]
LAWFUL = [pair for pair in PAIRS if pair not in REFUSED]
NEARLY_ZERO = (3e-30, 2e-30, 1e-30)
ROUNDING = 1e-6
"""Relative; all but one class are exact: the Fourier features of AceStep's times differ in the last bit."""


@functools.lru_cache(maxsize=1)  # the pairs of a class follow each other
def build(name: str) -> nn.Module:
    return CASES[name].build()


@torch.no_grad()
def outputs(name: str, model: nn.Module, times: tuple[float, ...]) -> list[tuple[Tensor, ...]]:
    """What the calls return, each copied before the next, which might write into it."""
    return [tuple(x.clone() for x in unpack(model(**CASES[name].call(t)), name)[0]) for t in times]


def attached(name: str, kind: str, schedule: Any, steps: int) -> Any:
    return ft.accelerate(build(name), ft.Method(schedule, ft.Reuse(), GRANULARITIES[kind]), steps=steps)


@pytest.mark.parametrize(("name", "kind"), LAWFUL)
def test_always_computing_is_the_uncached_model_bit_for_bit(name: str, kind: str) -> None:
    times = (0.9, 0.5, 0.1)
    reference = outputs(name, build(name), times)
    with attached(name, kind, ft.Stride(1), steps=3) as run:
        computed = outputs(name, build(name), times)
    assert run.report.computed == [0, 1, 2]
    for expected, got in zip(reference, computed, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(expected, got, strict=True))


@pytest.mark.parametrize(("name", "kind"), LAWFUL)
def test_skips_with_the_same_input_repeat_the_computed_output(name: str, kind: str) -> None:
    """Skips with the input of the computed call; two, since the first might spoil what was kept."""
    with attached(name, kind, ft.Mask([0]), steps=3) as run:
        computed, *skipped = outputs(name, build(name), NEARLY_ZERO)
    assert (run.report.computed, run.report.skipped) == ([0], [1, 2])
    for output in skipped:
        for expected, got in zip(computed, output, strict=True):
            apart = float((got - expected).norm() / expected.norm())
            assert apart <= ROUNDING, f"a skip is off by {apart:.2g}"


@pytest.mark.parametrize(("name", "kind"), REFUSED)
def test_a_refusal_is_an_error_that_says_why(name: str, kind: str) -> None:
    with (
        pytest.raises(ForetraceError, match=REFUSED[name, kind]),
        attached(name, kind, ft.Mask([0]), steps=3),
    ):
        outputs(name, build(name), NEARLY_ZERO)


COUNTED = [(name, kind) for name, kind in LAWFUL if kind == "stack" or (name, "stack") not in LAWFUL]


@pytest.mark.parametrize(("name", "kind"), COUNTED)
def test_macs_are_counted_or_it_is_known_why_not(name: str, kind: str) -> None:
    with attached(name, kind, ft.Mask([0]), steps=3) as run:
        before, *_ = outputs(name, build(name), NEARLY_ZERO)
    if name in NOT_COUNTED:
        with pytest.raises(UnsupportedModel, match=f"cannot be counted without data.*{NOT_COUNTED[name]}"):
            run.report.macs
    else:
        assert 0.3 * run.report.macs_full < run.report.macs < 0.9 * run.report.macs_full
    after = outputs(name, build(name), NEARLY_ZERO[:1])[0]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True)), "counting left its mark"
