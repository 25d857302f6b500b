"""What must hold on every family and granularity, whatever the weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import foretrace as ft
from foretrace.errors import AttachError
from tiny import FAMILIES, Family, pick, sample

GRANULARITIES = [
    ft.PerModel(),
    ft.PerStack(),
    ft.PerStack(head=1, tail=1),
    ft.PerStack(store="residual"),
    ft.PerStack(head=1, store="residual"),
    ft.PerBlock(),
    ft.PerBlock(store="residual"),
    ft.PerModule("attn", "ff"),
    ft.PerModule("attn"),
]
STEPS = 8


@pytest.fixture(scope="module", params=FAMILIES.values(), ids=lambda f: f.name)
def family(request: pytest.FixtureRequest) -> Family:
    return request.param


@pytest.fixture(scope="module")
def model(family: Family) -> nn.Module:
    return family.model()


@pytest.fixture(params=GRANULARITIES, ids=str)
def granularity(request: pytest.FixtureRequest) -> ft.PerModel | ft.PerStack:
    return request.param


def tracache(granularity: Any) -> dict[str, Any]:
    return {"interval": 3, "order": 2, "anchor": "first", "granularity": granularity}


@pytest.mark.parametrize("branches", [1, 2])
@pytest.mark.parametrize("predictor", [ft.Reuse(), ft.AdaptiveLagrange(2)], ids=str)
def test_never_skipping_is_uncached_bit_for_bit(family, model, granularity, predictor, branches) -> None:
    reference = sample(family, model, STEPS, branches=branches)
    with ft.accelerate(model, ft.Method(ft.Stride(1), predictor, granularity)) as run:
        assert torch.equal(sample(family, model, STEPS, branches=branches), reference)
    assert run.report.computed == list(range(STEPS))
    assert run.report.skipped == []


@torch.no_grad()
def test_a_skip_with_the_same_input_repeats_the_computed_output(family, model, granularity) -> None:
    latent, conditions = family.inputs(2, torch.Generator().manual_seed(5))
    call = {"hidden_states": latent, "return_dict": False, **conditions}
    method = ft.Method(ft.Mask([0]), ft.Reuse(), granularity)
    time = torch.tensor([500.0, 500.0], dtype=torch.float64) * family.unit
    with ft.accelerate(model, method) as run:
        computed = model(timestep=time, **call)[0]
        # the next smaller double is another step to the clock, and the same fp32 time to the network
        skipped = model(timestep=torch.nextafter(time, torch.zeros_like(time)), **call)[0]
    assert run.report.skipped == [1]
    torch.testing.assert_close(skipped, computed, rtol=1e-6, atol=1e-6 * float(computed.abs().max()))


def test_a_second_run_equals_the_first(family, model, granularity) -> None:
    with ft.accelerate(model, "tracache", **tracache(granularity)):
        first = sample(family, model, STEPS, branches=2)
        assert torch.equal(sample(family, model, STEPS, branches=2), first)
    assert not torch.equal(first, sample(family, model, STEPS, branches=2)), "nothing was skipped"


def test_a_run_that_broke_off_does_not_leak(family, model, granularity) -> None:
    with ft.accelerate(model, "tracache", **tracache(granularity)):
        fresh = sample(family, model, STEPS)
        with pytest.raises(KeyboardInterrupt):
            sample(family, model, STEPS, seed=1, stop_at=5)
        assert torch.equal(sample(family, model, STEPS), fresh)


def snapshot(model: nn.Module) -> tuple[Any, ...]:
    return (
        {name: id(module) for name, module in model.named_modules()},
        {name: sorted(module.__dict__) for name, module in model.named_modules()},
        {name: list(module._modules) for name, module in model.named_modules()},
        [(name, id(tensor)) for name, tensor in model.state_dict(keep_vars=True).items()],
    )


def test_detaching_restores_everything(family, model, granularity) -> None:
    before, reference = snapshot(model), sample(family, model, STEPS)
    handle = ft.attach(model, "tracache", **tracache(granularity))
    sample(family, model, STEPS)
    handle.detach()
    assert snapshot(model) == before
    assert torch.equal(sample(family, model, STEPS), reference)


def test_detaching_after_an_exception_restores_everything(family, model, granularity) -> None:
    before = snapshot(model)
    with pytest.raises(KeyboardInterrupt), ft.accelerate(model, "tracache", **tracache(granularity)):
        sample(family, model, STEPS, stop_at=4)
    assert snapshot(model) == before


def test_an_exception_inside_a_block_leaves_nothing_behind(family, granularity) -> None:
    model = family.model()
    fresh = sample(family, model, STEPS)
    block = next(m for m in model.modules() if type(m).__name__.endswith("Block"))

    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    with ft.accelerate(model, "tracache", **tracache(granularity)):
        cached = sample(family, model, STEPS)
        hook = block.register_forward_hook(fail)
        with pytest.raises(RuntimeError, match="out of memory"):
            sample(family, model, STEPS)
        hook.remove()
        assert torch.equal(sample(family, model, STEPS), cached)
    assert torch.equal(sample(family, model, STEPS), fresh)


def test_keys_and_parameters_do_not_change_while_attached(family, model, granularity) -> None:
    keys = list(model.state_dict())
    parameters = [(name, id(p)) for name, p in model.named_parameters()]
    handle = ft.attach(model, "tracache", **tracache(granularity))
    assert list(model.state_dict()) == keys
    assert [(name, id(p)) for name, p in model.named_parameters()] == parameters
    model.load_state_dict(model.state_dict())
    handle.detach()


@torch.no_grad()
def test_branches_do_not_mix(family, model, granularity) -> None:
    """What the second branch is fed does not reach the first, and the other way round."""

    def outputs(other_seed: int) -> list[torch.Tensor]:
        latent, conditions = family.inputs(2, torch.Generator().manual_seed(0))
        noise, other = family.inputs(2, torch.Generator().manual_seed(other_seed))
        seen = []
        for i in range(STEPS):
            time = torch.tensor([900.0 - 100.0 * i] * 2) * family.unit
            fixed = latent * (1 - i / 20)
            seen.append(model(hidden_states=fixed, timestep=time, return_dict=False, **conditions)[0])
            model(hidden_states=noise * (1 + i), timestep=time, return_dict=False, **other)
        return seen

    with ft.accelerate(model, "tracache", **tracache(granularity)) as run:
        first, second = outputs(1), outputs(2)
    assert len(run.report.branches) == 2
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_samples_follow_a_permutation_of_the_batch(family, model, granularity) -> None:
    order = [2, 0, 1]
    with ft.accelerate(model, "tracache", **tracache(granularity)):
        straight = sample(family, model, STEPS, batch=3)
        permuted = sample(family, model, STEPS, batch=3, rows=order)
    torch.testing.assert_close(permuted, straight[order], rtol=1e-4, atol=1e-4)


def test_a_run_of_another_size_and_length_right_after_works(family, model, granularity) -> None:
    def fresh(**how: Any) -> torch.Tensor:
        with ft.accelerate(model, "tracache", **tracache(granularity)):
            return sample(family, model, **how)

    alone = [fresh(steps=8, batch=2), fresh(steps=5, batch=3), fresh(steps=11, batch=1)]
    with ft.accelerate(model, "tracache", **tracache(granularity)) as run:
        assert torch.equal(sample(family, model, steps=8, batch=2), alone[0])
        assert torch.equal(sample(family, model, steps=5, batch=3), alone[1])
        assert len(run.report.calls) == 5
        assert torch.equal(sample(family, model, steps=11, batch=1), alone[2])


def test_the_report_follows_the_schedule(family, model, granularity) -> None:
    with ft.accelerate(model, "fora", interval=3, anchor="last", granularity=granularity, steps=10) as run:
        sample(family, model, 10, branches=2)
    assert run.report.computed == ft.Stride(3, "last").table(10) == [0, 3, 6, 9]
    assert run.report.skipped == [1, 2, 4, 5, 7, 8]
    assert set(run.report.branches.values()) == {(4, 6)}
    assert run.report.strip == "█··█··█··█"
    assert 0 < run.report.macs < run.report.macs_full
    if isinstance(granularity, ft.PerModel):
        assert run.report.macs * 10 == run.report.macs_full * 4


def test_the_report_tells_which_steps_had_too_few_points(family, model, granularity) -> None:
    with ft.accelerate(model, "tracache", **tracache(granularity)) as run:
        sample(family, model, STEPS)
    assert run.report.computed == [0, 3, 6]
    assert run.report.short == (1, 2, 4, 5)
    assert "4 steps forecast from fewer than 3" in str(run.report)
    with ft.accelerate(model, "fora", interval=3, anchor="first", granularity=granularity) as run:
        sample(family, model, STEPS)
    assert run.report.short == ()


def test_history_is_order_plus_one_features_per_branch(family, model, granularity) -> None:
    sizes: list[int] = []
    with ft.accelerate(model, ft.Method(ft.Mask([0]), ft.Reuse(), granularity)) as run:
        sample(family, model, 2)
        sizes.append(run.report.history_bytes)
    assert sizes[0] > 0
    for order in (1, 3):
        with ft.accelerate(
            model, "tracache", interval=2, order=order, anchor="first", granularity=granularity
        ) as run:
            sample(family, model, 10, branches=2)
        assert run.report.history_bytes == 2 * (order + 1) * sizes[0]
    with ft.accelerate(
        model, "fora", interval=2, anchor="first", granularity=granularity, history_dtype=torch.bfloat16
    ) as run:
        sample(family, model, 4)
    assert run.report.history_bytes * 2 == sizes[0]


def test_attaching_or_detaching_twice_is_refused(family, model, granularity) -> None:
    before = snapshot(model)
    handle = ft.attach(model, "fora", anchor="first", granularity=granularity)
    with pytest.raises(AttachError, match="attached already"):
        ft.attach(model, "tracache", anchor="first")
    handle.detach()
    assert snapshot(model) == before
    with pytest.raises(AttachError, match="detached already"):
        handle.detach()


def test_pick_takes_rows() -> None:
    conditions = {"text": torch.arange(3), "img_ids": torch.arange(3), "none": None}
    picked = pick(conditions, [2, 0], 3)
    assert picked["text"].tolist() == [2, 0]
    assert picked["img_ids"].tolist() == [0, 1, 2]
