"""Two threads on one transformer: an error that says so, and the run that was there first goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

import foretrace as ft
from foretrace.errors import AttachError
from tiny import FAMILIES, sample

DIT = FAMILIES["dit"]
SITES = [ft.PerModel(), ft.PerStack(), ft.PerModule("attn", "ff"), ft.PerModule("attn", store="gated")]


def method(granularity: ft.Granularity) -> ft.Method:
    return ft.Method(ft.Stride(2, "first"), ft.Reuse(), granularity)


def elsewhere(work: Callable[[], Any]) -> Any:
    """What ``work`` gives in a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result(timeout=60)


@torch.no_grad()
def call(model: torch.nn.Module, t: float) -> torch.Tensor:
    latent, condition = DIT.inputs(2, torch.Generator().manual_seed(0))
    return model(
        hidden_states=latent, timestep=torch.full((2,), t) * DIT.unit, return_dict=False, **condition
    )[0]


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_calls_at_the_same_time(granularity: ft.Granularity) -> None:
    """The call that comes second is refused, and leaves the run of the first as it was."""
    model = DIT.model()
    with ft.accelerate(model, method(granularity)):
        alone = sample(DIT, model, 4)
    inside, go_on = threading.Event(), threading.Event()

    def wait(*_: Any) -> None:
        inside.set()
        assert go_on.wait(timeout=30)

    with ft.accelerate(model, method(granularity)) as run, ThreadPoolExecutor(1) as pool:
        hook = model.pos_embed.register_forward_pre_hook(wait)
        first = pool.submit(sample, DIT, model, 4)
        assert inside.wait(timeout=30)
        with pytest.raises(AttachError, match="another thread runs; expected each run in one thread"):
            call(model, 900.0)
        hook.remove()
        go_on.set()
        assert torch.equal(first.result(timeout=60), alone)
        assert run.report.skipped == [1, 3]


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_calls_in_turns(granularity: ft.Granularity) -> None:
    model = DIT.model()
    with ft.accelerate(model, method(granularity)):
        elsewhere(lambda: [call(model, t) for t in (900.0, 800.0)])
        with pytest.raises(AttachError, match=r"run that another thread began.*transformer of its own"):
            call(model, 700.0)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_runs_one_after_the_other_in_any_thread(granularity: ft.Granularity) -> None:
    model = DIT.model()
    with ft.accelerate(model, method(granularity)) as run:
        here = sample(DIT, model, 4)
        assert torch.equal(elsewhere(lambda: sample(DIT, model, 4)), here)
        assert torch.equal(sample(DIT, model, 4), here)
        assert run.report.skipped == [1, 3]


def test_a_run_that_another_thread_gave_up_may_be_begun_anew() -> None:
    model = DIT.model()
    with ft.accelerate(model, method(ft.PerModel())) as run:
        elsewhere(lambda: [call(model, t) for t in (900.0, 800.0)])
        run.begin()
        call(model, 700.0)
        assert run.report.computed == [0]
