"""Adapters as people load them: LoRA weights by diffusers and peft, on a pipeline that is attached."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import foretrace as ft
from conditions.common import SITES, check_laws, flux, same, skipping
from foretrace.granularity import Granularity
from foretrace.runtime.tap import Tap
from runtime.test_laws import snapshot

pytest.importorskip("peft")
pytestmark = pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")
TARGETS = ("attn.to_q", "attn.to_v", "ff.net.2", "proj_mlp")


def lora(model: nn.Module, seed: int) -> dict[str, Tensor]:
    """The file of an adapter of rank two, in diffusers' format."""
    generator, weights = torch.Generator().manual_seed(seed), {}
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear) and name.endswith(TARGETS):
            sizes = {"lora_A": (2, layer.in_features), "lora_B": (layer.out_features, 2)}
            for part, size in sizes.items():
                key = f"transformer.{name}.{part}.weight"
                weights[key] = 0.5 * torch.randn(size, generator=generator)
    assert len(weights) >= 12
    return weights


def fresh(granularity: Granularity, adapters: dict[str, float]) -> Any:
    """What a pipeline gives that got the adapters before it was attached."""
    pipe, call = flux()
    files = {name: lora(pipe.transformer, int(name[-1])) for name in adapters}
    for name, weights in files.items():
        pipe.load_lora_weights(weights, adapter_name=name)
    if adapters:
        pipe.set_adapters(list(adapters), list(adapters.values()))
    with ft.accelerate(pipe, skipping(granularity)):
        return call()


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_loaded_before_attaching(granularity: Granularity) -> None:
    pipe, call = flux()
    plain = call()
    pipe.load_lora_weights(lora(pipe.transformer, 1), adapter_name="one1")
    assert not same(call(), plain)
    check_laws(pipe, call, granularity)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_loaded_switched_mixed_and_unloaded_while_attached(granularity: Granularity) -> None:
    """Each run equals that of a pipeline that had these adapters from the beginning."""
    pipe, call = flux()
    plain, before = call(), snapshot(pipe.transformer)[0]
    files = {name: lora(pipe.transformer, int(name[-1])) for name in ("one1", "two2")}
    with ft.accelerate(pipe, skipping(granularity)) as run:
        for name, weights in files.items():
            pipe.load_lora_weights(weights, adapter_name=name)
        for chosen in ({"one1": 1.0}, {"two2": 0.3}, {"one1": 0.7, "two2": 0.5}):
            pipe.set_adapters(list(chosen), list(chosen.values()))
            assert same(call(), fresh(granularity, chosen))
            assert run.report.skipped
        pipe.disable_lora()
        without = call()
        pipe.enable_lora()
        pipe.unload_lora_weights()
        assert same(call(), without)
        assert same(without, fresh(granularity, {}))
    assert snapshot(pipe.transformer)[0] == before, "a module was exchanged for good"
    assert same(call(), plain)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_fused_and_unfused_while_attached(granularity: Granularity) -> None:
    pipe, call = flux()
    weights = lora(pipe.transformer, 1)
    with ft.accelerate(pipe, skipping(granularity)):
        plain = call()
        pipe.load_lora_weights(weights, adapter_name="one1")
        loaded = call()
        pipe.fuse_lora()
        torch.testing.assert_close(torch.tensor(call()), torch.tensor(loaded), rtol=1e-3, atol=1e-3)
        pipe.unfuse_lora()
        pipe.unload_lora_weights()
        torch.testing.assert_close(torch.tensor(call()), torch.tensor(plain), rtol=1e-3, atol=1e-3)
        assert not same(loaded, plain)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_loaded_while_attached_and_kept_after(granularity: Granularity) -> None:
    pipe, call = flux()
    weights = lora(pipe.transformer, 1)
    handle = ft.attach(pipe, skipping(granularity))
    call()
    pipe.load_lora_weights(weights, adapter_name="one1")
    handle.detach()
    assert not any(isinstance(module, Tap) for module in pipe.transformer.modules())
    other, expected = flux()
    other.load_lora_weights(weights, adapter_name="one1")
    assert same(call(), expected())
