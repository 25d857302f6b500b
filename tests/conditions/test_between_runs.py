"""What changes from run to run on one attached pipeline: resolution, batch, steps, guidance, noise."""

from __future__ import annotations

from typing import Any

import pytest

import foretrace as ft
from conditions.common import SITES, flux, same, sd3, skipping

CHANGES: list[dict[str, Any]] = [
    {"size": 32}, {"size": 96}, {"batch": 3}, {"steps": 12}, {"size": 32, "batch": 2, "steps": 7},
    {"guidance_scale": 7.0}, {"seed": 5},
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_each_run_equals_a_fresh_one(granularity: ft.Granularity, change: dict[str, Any]) -> None:
    pipe, call = flux(guidance_embeds=True)
    with ft.accelerate(pipe, skipping(granularity)):
        expected = call(**change)
    with ft.accelerate(pipe, skipping(granularity)) as run:
        before = call()
        assert same(call(**change), expected)
        steps = change.get("steps", 8)
        assert run.report.skipped == [i for i in range(steps) if i not in (0, 1, 3, 6)]
        assert same(call(), before)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_guidance_on_and_off_between_runs(granularity: ft.Granularity) -> None:
    """Off halves the batch; from run to run that is no change of shape."""
    pipe, call = sd3()
    with ft.accelerate(pipe, skipping(granularity)):
        expected = call(guidance_scale=1.0)
    with ft.accelerate(pipe, skipping(granularity)):
        before = call()
        assert same(call(guidance_scale=1.0), expected)
        assert same(call(), before)
