"""Steps at which the first blocks are forecast and the deeper ones run: Foresight, and its laws."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import foretrace as ft
from foretrace.errors import InvalidSetting
from foretrace.gate import Gate
from foretrace.gate.foresight import Foresight, steady
from tiny import FAMILIES, sample

TOTAL = 12
SOME = [FAMILIES[name] for name in ("dit", "flux", "wan")]


@dataclass(frozen=True)
class UpTo(Gate):
    """Admits whatever the schedule allows, up to a site."""

    sites: int = 0

    def init(self) -> None:
        return None

    def admits(self, state: Any, signal: Any) -> tuple[bool, Any]:
        return True, state

    def depth(self, state: Any) -> int:
        return self.sites


class HandWritten(nn.Module):
    """A DiT that answers its first blocks with what they returned at the last full step."""

    def __init__(self, model: nn.Module, plan: Any) -> None:
        super().__init__()
        self.model, self.plan, self.calls = model, plan, 0
        self.kept: list[Tensor] = [torch.zeros(())] * len(model.transformer_blocks)
        self.blocks = list(model.transformer_blocks)

    def forward(self, **given: Any) -> Any:
        depth = self.plan(self.calls, self.kept)
        self.calls += 1
        for i, block in enumerate(self.blocks):
            self.model.transformer_blocks._modules[str(i)] = Answer(self, i, block, depth)
        try:
            return self.model(**given)
        finally:
            for i, block in enumerate(self.blocks):
                self.model.transformer_blocks._modules[str(i)] = block


class Answer(nn.Module):
    def __init__(self, owner: HandWritten, number: int, block: nn.Module, depth: int) -> None:
        super().__init__()
        object.__setattr__(self, "owner", owner)
        self.number, self.block, self.depth = number, block, depth

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("block"), name)

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        if self.number < self.depth:
            return self.owner.kept[self.number]
        output = self.block(*args, **kwargs)
        if self.depth == 0:
            self.owner.kept[self.number] = output
        return output


@pytest.mark.parametrize("depth", [1, 2])
def test_a_depth_is_the_hand_written_one_bit_for_bit(depth: int) -> None:
    family = FAMILIES["dit"]
    model = family.model()
    by_hand = HandWritten(model, lambda call, kept: 0 if call % 3 == 0 else depth)
    expected = sample(family, by_hand, TOTAL)
    chosen = ft.Method(ft.Stride(3, "first"), ft.Reuse(), ft.PerBlock(), gate=UpTo(depth))
    with ft.accelerate(model, chosen, steps=TOTAL) as run:
        assert torch.equal(sample(family, model, TOTAL), expected)
    assert not torch.equal(expected, sample(family, model, TOTAL))
    assert run.report.mean_computed == pytest.approx(4 + 8 * (1 - depth / 3))
    assert run.report.macs_full * 4 / 12 < run.report.macs < run.report.macs_full


@pytest.mark.parametrize("family", SOME, ids=lambda f: f.name)
@pytest.mark.parametrize("store", ["output", "residual"])
def test_no_depth_is_uncached_and_the_whole_depth_passes_over_all(family, store: Any) -> None:
    model, sites = family.model(), ft.PerBlock(store)
    chosen = ft.Method(ft.Stride(3, "first"), ft.Reuse(), sites, gate=UpTo(0))
    uncached = sample(family, model, TOTAL, branches=2)
    with ft.accelerate(model, chosen, steps=TOTAL):
        assert torch.equal(sample(family, model, TOTAL, branches=2), uncached)
    with ft.accelerate(model, replace(chosen, gate=None), steps=TOTAL):
        reused = sample(family, model, TOTAL, branches=2)
    with ft.accelerate(model, replace(chosen, gate=UpTo(family.blocks)), steps=TOTAL) as run:
        assert torch.equal(sample(family, model, TOTAL, branches=2), reused)
    assert run.report.computed == [0, 3, 6, 9]


def foresight_published(strength: float, warmup: int, total: int) -> Any:
    """The depth of a call, from what the blocks returned at full steps; its list of depths is ``depths``."""
    before: list[Tensor] = []
    changes: list[float] = []
    limits: list[float] = []
    depths: list[int] = []

    def plan(call: int, kept: list[Tensor]) -> int:
        if depths and depths[-1] == 0:  # the call before was full
            if before:
                changes[:] = [float((a - b).square().mean()) for a, b in zip(kept, before, strict=True)]
            before[:] = list(kept)
        if call == warmup:
            limits[:] = [strength * x for x in changes]
        depth = 0
        if call >= warmup and (call - warmup) % 2 == 0:
            fine = [k for k, (x, limit) in enumerate(zip(changes, limits, strict=True)) if x <= limit]
            depth = fine[-1] + 1 if fine else 0
        depths.append(depth)
        return depth

    return plan, depths


@torch.no_grad()
def test_foresight_is_the_published_recursion_bit_for_bit() -> None:
    family = FAMILIES["dit"]
    model, seen = family.model(), set()
    for strength in (0.5, 0.9, 1.0, 1.1, 2.0):
        plan, depths = foresight_published(strength, 5, TOTAL)
        expected = sample(family, HandWritten(model, plan), TOTAL)
        with ft.accelerate(model, "foresight", strength=strength, steps=TOTAL) as run:
            got = sample(family, model, TOTAL)
            assert torch.equal(got, expected)
            assert torch.equal(sample(family, model, TOTAL), got)
        assert run.report.mean_computed == pytest.approx(sum(1 - d / 3 for d in depths))
        seen |= set(depths)
    assert seen >= {0, 3} and len(seen) > 1, "the cases must tell"


@pytest.mark.parametrize("family", SOME, ids=lambda f: f.name)
def test_foresight_at_its_ends(family) -> None:
    model = family.model()
    uncached = sample(family, model, TOTAL)
    with ft.accelerate(model, "foresight", strength=0.0, steps=TOTAL):
        assert torch.equal(sample(family, model, TOTAL), uncached)
    with ft.accelerate(model, "foresight", strength=math.inf, steps=TOTAL) as run:
        sample(family, model, TOTAL)
    assert run.report.computed == [0, 1, 2, 3, 4, 6, 8, 10]
    with ft.accelerate(model, "foresight", strength=math.inf, interval=3, warmup=3, steps=TOTAL) as run:
        sample(family, model, TOTAL)
    assert run.report.computed == [0, 1, 2, 5, 8, 11]


def test_the_last_steady_site_counts_and_what_is_not_finite_computes() -> None:
    assert steady((3.0, 1.0, 2.0), (1.0, 1.0, 1.0)) == 2
    assert steady((3.0, 2.0), (1.0, 1.0)) == 0
    assert steady((), ()) == 0
    assert steady((0.0, math.nan, 0.0), (1.0, 1.0, 1.0)) == 0
    assert steady((0.0, math.inf), (math.inf, math.inf)) == 0
    assert steady((0.0,), (math.nan,)) == 0


@pytest.mark.parametrize(
    "settings",
    [{"strength": -0.1}, {"strength": math.nan}, {"interval": 0}, {"warmup": 1}, {"reduce": "sample"}],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting, match=f"{next(iter(settings))}.*expected"):
        Foresight(**settings)
