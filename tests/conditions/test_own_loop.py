"""One's own sampling loop, without a pipeline: where runs begin, how long they are, what times may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import foretrace as ft
from conditions.common import SITES, always, check_laws, same, skipping
from foretrace.errors import ClockError
from tiny import FAMILIES

FLUX = FAMILIES["flux"]


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return FLUX.model()


@torch.no_grad()
def euler(
    model: nn.Module,
    times: list[Any],
    seed: int = 0,
    positional: bool = False,
    between: Callable[[int], None] = lambda i: None,
) -> torch.Tensor:
    """A loop whose times are passed as they are; ``between`` is told each step before it is made."""
    latent, conditions = FLUX.inputs(1, torch.Generator().manual_seed(seed))
    for i, time in enumerate(times):
        between(i)
        if positional:
            text, pooled = conditions["encoder_hidden_states"], conditions["pooled_projections"]
            ids = conditions["img_ids"], conditions["txt_ids"]
            velocity = model(latent, text, pooled, time, *ids, return_dict=False)[0]
        else:
            velocity = model(hidden_states=latent, timestep=time, return_dict=False, **conditions)[0]
        latent = latent - velocity / len(times)
    return latent


def falling(steps: int = 8) -> list[Any]:
    return [torch.tensor([1 - i / steps]) for i in range(steps)]


@pytest.mark.parametrize("positional", [False, True], ids=["by name", "by position"])
@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_the_laws_hold(model: nn.Module, granularity: ft.Granularity, positional: bool) -> None:
    check_laws(model, lambda: euler(model, falling(), positional=positional), granularity)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_times_may_rise(model: nn.Module, granularity: ft.Granularity) -> None:
    check_laws(model, lambda: euler(model, falling()[::-1]), granularity)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_begin_with_another_length(model: nn.Module, granularity: ft.Granularity) -> None:
    """A schedule that counts from the end needs the length; each run equals that of its own attachment."""
    method = ft.Method(ft.Stride(3, "last"), ft.Lagrange(1), granularity)
    expected = {}
    for steps in (8, 5, 12):
        with ft.accelerate(model, method, steps=steps):
            expected[steps] = euler(model, falling(steps))
    with ft.accelerate(model, method, steps=8) as run:
        for steps in (8, 5, 12, 8):
            run.begin(steps=steps)
            assert same(euler(model, falling(steps)), expected[steps])
            assert run.report.computed == ft.Stride(3, "last").table(steps)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_a_length_that_is_needed_and_not_given(model: nn.Module, granularity: ft.Granularity) -> None:
    with pytest.raises(ClockError, match="Pass steps="):
        ft.attach(model, ft.Method(ft.Stride(3, "last"), ft.Reuse(), granularity))
    same_times = [torch.tensor([0.5])] * 20
    with ft.accelerate(model, skipping(granularity)), pytest.raises(ClockError, match=r"run\.begin\(\)"):
        euler(model, same_times)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_runs_given_up_are_followed_by_fresh_ones(model: nn.Module, granularity: ft.Granularity) -> None:
    """Without an error, an earlier time tells; a run given up after its first step needs `begin`."""
    with ft.accelerate(model, skipping(granularity)) as run:
        fresh = euler(model, falling())
        euler(model, falling()[:4], seed=3)
        assert same(euler(model, falling()), fresh)
        euler(model, falling()[:1], seed=3)
        run.begin()
        assert same(euler(model, falling()), fresh)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_detached_for_the_rest_of_the_steps(model: nn.Module, granularity: ft.Granularity) -> None:
    """A loop may let the method go in its middle; with every step computed that changes nothing."""
    times, reference = falling(), euler(model, falling())
    for method in (always(granularity), skipping(granularity)):
        handle = ft.attach(model, method)
        result = euler(model, times, between=lambda i, h=handle: h.detach() if i == 4 else None)
        skipped = handle.report.skipped
        assert same(result, reference) == (not skipped)
        assert skipped == ([] if method == always(granularity) else [2])
    assert same(euler(model, times), reference)
