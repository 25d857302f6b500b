"""Weights that change between runs: low-rank adapters put on, scaled, exchanged, fused and taken off.

Adapters of the peft package replace linear layers below a block by layers that hold the old one. The class
here does the same, so that the suite needs no peft.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import foretrace as ft
from conditions.common import SITES, Call, check_laws, flux, same, skipping
from foretrace.runtime.tap import Tap
from runtime.test_laws import snapshot

TARGETS = ("to_q", "to_v", "proj_out")


class LowRank(nn.Module):
    """A linear layer plus a scaled product of two thin ones."""

    def __init__(self, base_layer: nn.Linear, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.base_layer, self.scale = base_layer, 1.0
        self.down = nn.Parameter(torch.randn(2, base_layer.in_features, generator=generator) * 0.3)
        self.up = nn.Parameter(torch.randn(base_layer.out_features, 2, generator=generator) * 0.3)

    def forward(self, x: Tensor) -> Tensor:
        return self.base_layer(x) + self.scale * (x @ self.down.T @ self.up.T)


def _places(model: nn.Module, kind: type) -> list[tuple[nn.Module, str, Any]]:
    """Found by name as peft does, through whatever stands in for the blocks."""
    return [
        (model.get_submodule(path.rpartition(".")[0]), path.rpartition(".")[2], child)
        for path, child in model.named_modules()
        if path.rpartition(".")[2] in TARGETS and isinstance(child, kind)
    ]


def load(model: nn.Module, seed: int) -> None:
    places = _places(model, nn.Linear)
    assert len(places) >= 6
    for i, (parent, name, child) in enumerate(places):
        setattr(parent, name, LowRank(child, 100 * seed + i))


def rescale(model: nn.Module, scale: float) -> None:
    for _, _, layer in _places(model, LowRank):
        layer.scale = scale


@torch.no_grad()
def fuse(model: nn.Module, sign: float = 1.0) -> None:
    for _, _, layer in _places(model, LowRank):
        layer.base_layer.weight += sign * layer.scale * layer.up @ layer.down


def unload(model: nn.Module) -> None:
    for parent, name, layer in _places(model, LowRank):
        setattr(parent, name, layer.base_layer)


def fresh(seed: int | None, granularity: ft.Granularity, scale: float = 1.0) -> Any:
    """What a pipeline gives that got the adapter before it was attached."""
    pipe, call = flux()
    if seed is not None:
        load(pipe.transformer, seed)
        rescale(pipe.transformer, scale)
    with ft.accelerate(pipe, skipping(granularity)):
        return call()


@pytest.fixture
def built() -> tuple[Any, Call]:
    return flux()


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_loaded_before_attaching(built: tuple[Any, Call], granularity: ft.Granularity) -> None:
    pipe, call = built
    load(pipe.transformer, 1)
    check_laws(pipe, call, granularity)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_loaded_switched_and_unloaded_while_attached(
    built: tuple[Any, Call], granularity: ft.Granularity
) -> None:
    """Each run equals that of a pipeline which was never attached with other weights."""
    pipe, call = built
    model = pipe.transformer
    plain = call()
    before = snapshot(model)
    with ft.accelerate(pipe, skipping(granularity)) as run:
        assert same(call(), fresh(None, granularity))
        for seed in (1, 2):
            load(model, seed)
            assert same(call(), fresh(seed, granularity))
            assert run.report.skipped
            rescale(model, 0.3)
            assert same(call(), fresh(seed, granularity, 0.3))
            unload(model)
        assert same(call(), fresh(None, granularity))
    assert snapshot(model) == before
    assert same(call(), plain)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_loaded_while_attached_and_kept_after(built: tuple[Any, Call], granularity: ft.Granularity) -> None:
    pipe, call = built
    model = pipe.transformer
    handle = ft.attach(pipe, skipping(granularity))
    call()
    load(model, 1)
    handle.detach()
    assert _places(model, LowRank)
    assert not any(isinstance(module, Tap) for module in model.modules())
    other, other_call = flux()
    load(other.transformer, 1)
    assert same(call(), other_call())


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_fused_and_unfused_while_attached(built: tuple[Any, Call], granularity: ft.Granularity) -> None:
    pipe, call = built
    model = pipe.transformer
    load(model, 1)
    with ft.accelerate(pipe, skipping(granularity)):
        loaded = call()
        fuse(model)
        unload(model)
        torch.testing.assert_close(torch.tensor(call()), torch.tensor(loaded), rtol=1e-3, atol=1e-3)
        assert not same(call(), fresh(None, granularity)), "the fused weights are in use"
