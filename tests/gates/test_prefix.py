"""The head runs once, whatever is decided, and the probe shows what the model itself computes."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch

import foretrace as ft
from foretrace.gate import Signal
from foretrace.models import block_places, first_attention
from gates.common import gated
from tiny import FAMILIES, sample


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda f: f.name)
@pytest.mark.parametrize("threshold", [0.0, 0.3, math.inf])
@pytest.mark.parametrize("head", [1, 2])
def test_the_heads_work_is_never_done_twice(family, threshold, head) -> None:
    model = family.model()
    runs: Counter[int] = Counter()
    for number, (parent, key) in enumerate(block_places(model)):
        parent._modules[key].register_forward_hook(lambda *_, n=number: runs.update([n]))
    method = gated(ft.FirstBlock(threshold), ft.PerStack(head=head, store="residual"))
    with ft.accelerate(model, method, steps=8) as run:
        sample(family, model, 8)  # the first run also proves that the span may be passed over
        runs.clear()
        sample(family, model, 8)
    computed = len(run.report.computed)
    assert [runs[n] for n in range(family.blocks)] == [8] * head + [computed] * (family.blocks - head)


class Spy(ft.TeaCache):
    """Notes what it is shown."""

    seen: list[torch.Tensor] = []  # noqa: RUF012

    def admits(self, state, signal: Signal):
        Spy.seen.append(signal.probe[0].clone())
        return super().admits(state, signal)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda f: f.name)
def test_the_modulated_input_is_what_the_attention_is_given(family) -> None:
    model = family.model()
    parent, key = first_attention(model)[0]
    given: list[torch.Tensor] = []

    def note(module, args, kwargs) -> None:
        given.append(kwargs.get("hidden_states", args[0] if args else None).clone())

    parent._modules[key].register_forward_pre_hook(note, with_kwargs=True)
    Spy.seen = []
    with ft.accelerate(model, gated(Spy(0.0), ft.PerStack()), steps=6):
        sample(family, model, 6)
        given.clear()
        Spy.seen.clear()
        sample(family, model, 6)
    assert len(given) == 6, "the probe itself runs no attention"
    for shown, truth in zip(Spy.seen, given[1:], strict=True):
        assert torch.equal(shown, truth)


def test_everything_is_put_back() -> None:
    family = FAMILIES["dit"]
    model = family.model()
    before = {name: type(module) for name, module in model.named_modules()}
    handle = ft.attach(model, gated(ft.TeaCache(0.1), ft.PerStack()), steps=6)
    sample(family, model, 6)
    handle.detach()
    assert {name: type(module) for name, module in model.named_modules()} == before
