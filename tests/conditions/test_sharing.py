"""One transformer in two pipelines, two pipelines in two threads, and saving while attached."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel

import foretrace as ft
from conditions.common import SITES, caller, flux, quiet, same, skipping, wan_pair
from foretrace.errors import AttachError


def sibling(pipe: Any) -> Any:
    """Another pipeline of the same transformer, with a scheduler of its own."""
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    return quiet(FluxPipeline(scheduler, None, None, None, None, None, pipe.transformer))


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_a_shared_transformer_is_attached_once(granularity: ft.Granularity) -> None:
    """One after the other is fine."""
    pipe, call = flux()
    other = sibling(pipe)
    with ft.accelerate(pipe, skipping(granularity)):
        with pytest.raises(AttachError, match="attached already"):
            ft.attach(other, skipping(granularity))
        first = call()
    with ft.accelerate(other, skipping(granularity)):
        assert same(caller(other)(), first)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_from_pipe_shares_the_scheduler_too(granularity: ft.Granularity) -> None:
    """`from_pipe` hands on every component, so either of the two is served."""
    pipe, call = flux()
    other = quiet(FluxPipeline.from_pipe(pipe))
    assert other.scheduler is pipe.scheduler
    with ft.accelerate(pipe, skipping(granularity)) as run:
        first = call()
        assert same(caller(other)(), first)
        assert run.report.skipped == [2, 4, 5, 7]
        assert same(call(), first)


@pytest.mark.parametrize("steps", [6, 8, 12])
@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_attached_through_one_pipeline_and_run_in_the_other(granularity: ft.Granularity, steps: int) -> None:
    """The other one's scheduler steps, which nobody told us of: its calls are computed, and it is said."""
    pipe, call = flux()
    other = sibling(pipe)
    other_call = caller(other)
    uncached = other_call(steps=steps)
    method = ft.Method(ft.Stride(3, "last"), ft.Lagrange(1), granularity)
    with ft.accelerate(pipe, method) as run:
        with pytest.warns(UserWarning, match="not sampling; they are computed"):
            # before the first run, when the attached scheduler has no steps yet
            assert same(other_call(steps=steps), uncached) or steps < 8
        of_eight = call()
        assert run.report.computed == ft.Stride(3, "last").table(8)
        assert same(other_call(steps=steps), uncached)
        assert run.report.computed == ft.Stride(3, "last").table(8)
        assert same(call(), of_eight)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_attached_to_the_transformer_itself(granularity: ft.Granularity) -> None:
    """The way for several pipelines of one transformer: no scheduler is asked, times tell everything."""
    pipe, call = flux()
    other_call = caller(sibling(pipe))
    with ft.accelerate(pipe, skipping(granularity)):
        expected = call()
    with ft.accelerate(pipe.transformer, skipping(granularity)) as run:
        for each in (call, other_call, call):
            assert same(each(), expected)
            assert run.report.skipped == [2, 4, 5, 7]


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_two_threads_with_transformers_of_their_own(granularity: ft.Granularity) -> None:
    pipelines = [flux(), wan_pair()]
    alone = []
    for pipe, call in pipelines:
        with ft.accelerate(pipe, skipping(granularity)):
            alone.append([call(seed=seed) for seed in range(3)])
    together: list[list[Any]] = [[], []]
    handles = [ft.attach(pipe, skipping(granularity)) for pipe, _ in pipelines]
    barrier = threading.Barrier(2)

    def work(i: int) -> None:
        for seed in range(3):
            barrier.wait(timeout=30)
            together[i].append(pipelines[i][1](seed=seed))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [len(results) for results in together] == [3, 3]
    for a, b in zip(alone, together, strict=True):
        assert all(same(x, y) for x, y in zip(a, b, strict=True))
    for handle in handles:
        assert handle.report.skipped == [2, 4, 5, 7]
        handle.detach()


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_saved_while_attached(granularity: ft.Granularity, tmp_path: Path) -> None:
    """The files are those of the detached model, byte for byte, and load again."""
    pipe, call = flux()
    plain = call()
    pipe.transformer.save_pretrained(tmp_path / "detached")
    with ft.accelerate(pipe, skipping(granularity)):
        call()
        pipe.transformer.save_pretrained(tmp_path / "attached")
        pipe.save_pretrained(tmp_path / "pipeline")
    for file in sorted((tmp_path / "detached").iterdir()):
        assert (tmp_path / "attached" / file.name).read_bytes() == file.read_bytes()
        assert (tmp_path / "pipeline" / "transformer" / file.name).read_bytes() == file.read_bytes()
    loaded = FluxTransformer2DModel.from_pretrained(tmp_path / "attached")
    again = quiet(FluxPipeline(pipe.scheduler, None, None, None, None, None, loaded))
    assert same(caller(again)(), plain)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_a_state_dict_goes_out_and_in_while_attached(granularity: ft.Granularity) -> None:
    pipe, call = flux()
    keys = list(pipe.transformer.state_dict())
    with ft.accelerate(pipe, skipping(granularity)):
        first = call()
        buffer = io.BytesIO()
        torch.save(pipe.transformer.state_dict(), buffer)
        buffer.seek(0)
        weights = torch.load(buffer)
        assert list(weights) == keys
        pipe.transformer.load_state_dict({key: 0.5 * x for key, x in weights.items()})
        assert not same(call(), first)
        pipe.transformer.load_state_dict(weights)
        assert same(call(), first)
