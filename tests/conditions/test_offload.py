"""Hooks that move or cast weights, with the CPU in the place of the accelerator.

Whether a tensor really moves is the hooks' business; what counts here is that they fire around taps, are
not lost when the method is detached, and do not shut the method out when they go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from accelerate import cpu_offload, cpu_offload_with_hook
from accelerate.hooks import remove_hook_from_module
from diffusers.hooks import apply_group_offloading, apply_layerwise_casting
from diffusers.hooks.group_offloading import _maybe_remove_and_reapply_group_offloading
from torch import nn

import foretrace as ft
from conditions.common import SITES, check_laws, flux, same, skipping
from foretrace.runtime.tap import Tap
from tiny import FAMILIES, sample

CPU = torch.device("cpu")


def whole_model(model: nn.Module) -> None:
    """What `enable_model_cpu_offload` puts on each component."""
    cpu_offload_with_hook(model, CPU)


def every_layer(model: nn.Module) -> None:
    """What `enable_sequential_cpu_offload` puts on each component."""
    cpu_offload(model, CPU)


def groups_of_blocks(model: nn.Module) -> None:
    apply_group_offloading(model, CPU, offload_type="block_level", num_blocks_per_group=1)


def groups_of_leaves(model: nn.Module) -> None:
    apply_group_offloading(model, CPU, offload_type="leaf_level")


def casting(model: nn.Module) -> None:
    patterns = ["norm", "embed", "scale_shift_table"]
    apply_layerwise_casting(model, torch.bfloat16, torch.float32, skip_modules_pattern=patterns)


Hook = Callable[[nn.Module], None]
HOOKS: list[Hook] = [whole_model, every_layer, groups_of_blocks, groups_of_leaves, casting]
FAMILY_NAMES = ["flux", "wan"]
"""The blocks of the second have a parameter of their own, so offloading hooks them too."""


def hooked(model: nn.Module) -> dict[str, list[str]]:
    """Which modules carry hooks, and whether a call of the module comes by them."""
    found = {}
    for name, module in model.named_modules():
        registry = module.__dict__.get("_diffusers_hook")
        kinds = ["accelerate"] * ("_hf_hook" in module.__dict__)
        kinds += list(registry.hooks) if registry is not None else []
        if kinds:
            found[name] = [*kinds, "called" if "forward" in module.__dict__ else "never called"]
    return found


@pytest.mark.parametrize("hook", HOOKS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_put_on_before_attaching(granularity: ft.Granularity, name: str, hook: Hook) -> None:
    family = FAMILIES[name]
    model = family.model()
    with ft.accelerate(model, skipping(granularity)):
        plain = sample(family, model)
    hook(model)
    before = hooked(model)
    assert before
    check_laws(model, lambda: sample(family, model), granularity)
    assert hooked(model) == before
    if hook is not casting:
        with ft.accelerate(model, skipping(granularity)):
            assert same(sample(family, model), plain), "the hooks changed the result"


@pytest.mark.parametrize("hook", HOOKS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_put_on_while_attached(granularity: ft.Granularity, name: str, hook: Hook) -> None:
    """They work at once, and go on working after the method is gone."""
    family = FAMILIES[name]
    model, expected = family.model(), family.model()
    hook(expected)
    handle = ft.attach(model, skipping(granularity))
    sample(family, model)
    hook(model)
    attached = sample(family, model)
    assert handle.report.skipped == [2, 4, 5, 7]
    handle.detach()
    assert not any(isinstance(module, Tap) for module in model.modules())
    assert hooked(model) == hooked(expected)
    assert same(sample(family, model), sample(family, expected))
    with ft.accelerate(expected, skipping(granularity)):
        assert same(sample(family, expected), attached)


@pytest.mark.parametrize("hook", [whole_model, every_layer], ids=lambda f: f.__name__)
@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_taken_off_while_attached(granularity: ft.Granularity, hook: Hook) -> None:
    """As `pipe.remove_all_hooks()` does."""
    pipe, call = flux()
    plain = call()
    hook(pipe.transformer)
    with ft.accelerate(pipe, skipping(granularity)):
        first = call()
        remove_hook_from_module(pipe.transformer, recurse=True)
        assert same(call(), first)
    assert same(call(), plain)
    assert not hooked(pipe.transformer)
    with ft.accelerate(pipe, skipping(granularity)):
        assert same(call(), first)


def test_taken_off_blocks_while_attached() -> None:
    family = FAMILIES["wan"]
    model = family.model()
    every_layer(model)
    with ft.accelerate(model, skipping(ft.PerStack())):
        sample(family, model)
        remove_hook_from_module(model, recurse=True)
    assert not hooked(model)


def offload_as_pipelines_do(pipe: Any) -> None:
    """`enable_model_cpu_offload`, which needs an accelerator: hooks are put on anew after every call."""

    def again() -> None:
        pipe.remove_all_hooks()
        whole_model(pipe.transformer)

    again()
    pipe.maybe_free_model_hooks = again


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_the_offload_of_a_pipeline_enabled_while_attached(granularity: ft.Granularity) -> None:
    pipe, call = flux()
    plain = call()
    with ft.accelerate(pipe, skipping(granularity)) as run:
        first = call()
        offload_as_pipelines_do(pipe)
        for _ in range(2):
            assert same(call(), first)
            assert run.report.skipped == [2, 4, 5, 7]
    assert same(call(), plain)
    with ft.accelerate(pipe, skipping(granularity)):
        assert same(call(), first)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_the_offload_of_a_pipeline_enabled_before_attaching(granularity: ft.Granularity) -> None:
    pipe, call = flux()
    plain = call()
    offload_as_pipelines_do(pipe)
    with ft.accelerate(pipe, skipping(granularity)):
        first = call()
        assert not same(first, plain)
        assert same(call(), first), "the second run was not accelerated"
    assert same(call(), plain)


@pytest.mark.parametrize("hook", [groups_of_blocks, groups_of_leaves], ids=lambda f: f.__name__)
@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_groups_that_are_put_on_anew_while_attached(granularity: ft.Granularity, hook: Hook) -> None:
    """As diffusers does whenever an adapter is loaded or unloaded."""
    pipe, call = flux()
    plain = call()
    hook(pipe.transformer)
    with ft.accelerate(pipe, skipping(granularity)):
        first = call()
        _maybe_remove_and_reapply_group_offloading(pipe.transformer)
        assert same(call(), first), "the second run was not accelerated"
    assert same(call(), plain)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_a_block_that_is_passed_over_is_not_loaded(granularity: ft.Granularity) -> None:
    """Offloading's transfers are the cost; a skipped step must not pay them."""
    pipe, call = flux()
    fired: list[int] = []
    every_layer(pipe.transformer)
    hook = pipe.transformer.transformer_blocks[0].attn.to_q._hf_hook
    inner = hook.pre_forward

    def pre_forward(*args: Any, **kwargs: Any) -> Any:
        fired.append(1)
        return inner(*args, **kwargs)

    hook.pre_forward = pre_forward
    with ft.accelerate(pipe, skipping(granularity)) as run:
        call()
        assert len(fired) == len(run.report.computed) == 4
