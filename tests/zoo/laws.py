"""Two laws that hold for every denoiser class and granularity, or a refusal that says why.

The same time twice is not another step, so the second law takes times so close to zero that every time
embedding of them is the same.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn

import foretrace as ft
from foretrace.runtime.packing import unpack
from zoo import CASES

NEARLY_ZERO = (3e-30, 2e-30, 1e-30)
ROUNDING = 1e-6
"""Relative. Most classes are exact: Fourier features of times differ in the last bit, residuals round."""


@functools.lru_cache(maxsize=1)  # the granularities of a class follow each other
def build(name: str) -> nn.Module:
    return CASES[name].build()


@torch.no_grad()
def outputs(name: str, model: nn.Module, times: tuple[float, ...]) -> list[tuple[Tensor, ...]]:
    """What the calls return, each copied before the next, which might write into it."""
    return [tuple(x.clone() for x in unpack(model(**CASES[name].call(t)), name)[0]) for t in times]


def attached(name: str, granularity: Any, schedule: ft.Schedule) -> Any:
    return ft.accelerate(build(name), ft.Method(schedule, ft.Reuse(), granularity), steps=3)


def check_computing(name: str, granularity: Any) -> None:
    """Always computing is the uncached model bit for bit."""
    times = (0.9, 0.5, 0.1)
    reference = outputs(name, build(name), times)
    with attached(name, granularity, ft.Stride(1)) as run:
        computed = outputs(name, build(name), times)
    assert run.report.computed == [0, 1, 2]
    for expected, got in zip(reference, computed, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(expected, got, strict=True))


def check_skipping(name: str, granularity: Any) -> None:
    """Skips with the input of the computed call; two, since the first might spoil what was kept."""
    with attached(name, granularity, ft.Mask([0])) as run:
        computed, *skipped = outputs(name, build(name), NEARLY_ZERO)
    assert (run.report.computed, run.report.skipped) == ([0], [1, 2])
    for output in skipped:
        for expected, got in zip(computed, output, strict=True):
            apart = float((got - expected).norm() / expected.norm())
            assert apart <= ROUNDING, f"a skip is off by {apart:.2g}"
