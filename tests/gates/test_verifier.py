"""Verification: rejected forecasts are computed, exact outputs go on, and the rule is SpeCa's."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import InvalidSetting
from foretrace.gate import Signal
from foretrace.gate.speculative import Speculative
from tiny import FAMILIES, sample

EVERY_THIRD = ft.Stride(3, "first")


@pytest.fixture(params=FAMILIES.values(), ids=lambda f: f.name)
def family(request):
    return request.param


BLOCKS_AND_MODULES = [ft.PerBlock(), ft.PerBlock("residual"), ft.PerModule("attn", "ff")]


@pytest.mark.parametrize("granularity", BLOCKS_AND_MODULES, ids=str)
def test_rejecting_everything_is_uncached_bit_for_bit(family, granularity) -> None:
    model = family.model()
    method = ft.Method(EVERY_THIRD, ft.Lagrange(1), granularity, verifier=ft.Verifier(0.0))
    expected = sample(family, model, branches=2)
    with ft.accelerate(model, method, steps=8) as run:
        assert torch.equal(sample(family, model, branches=2), expected)
    assert run.report.computed == list(range(8))


def test_accepting_everything_is_the_plain_method(family) -> None:
    model = family.model()
    plain = ft.Method(EVERY_THIRD, ft.Lagrange(1), ft.PerBlock())
    with ft.accelerate(model, plain, steps=8):
        expected = sample(family, model)
    verified = ft.Method(EVERY_THIRD, ft.Lagrange(1), ft.PerBlock(), verifier=ft.Verifier(math.inf))
    with ft.accelerate(model, verified, steps=8) as run:
        assert torch.equal(sample(family, model), expected)
    assert run.report.computed == [0, 3, 6]


def test_exact_outputs_of_all_blocks_are_the_model(family) -> None:
    model = family.model()
    every = tuple(range(family.blocks))
    verifier = ft.Verifier(math.inf, sites=every, keep="exact", rejected="nothing")
    method = ft.Method(EVERY_THIRD, ft.Lagrange(1), ft.PerBlock("residual"), verifier=verifier)
    expected = sample(family, model)
    with ft.accelerate(model, method, steps=8) as run:
        assert torch.equal(sample(family, model), expected)
    assert run.report.computed == [0, 3, 6]
    assert run.report.macs == run.report.macs_full


def test_the_verified_block_counts(family) -> None:
    model = family.model()
    plain = ft.Method(EVERY_THIRD, ft.Lagrange(1), ft.PerBlock())
    verified = ft.Method(EVERY_THIRD, ft.Lagrange(1), ft.PerBlock(), verifier=ft.Verifier(math.inf))
    spent = []
    for method in (plain, verified):
        with ft.accelerate(model, method, steps=8) as run:
            sample(family, model)
        spent.append(run.report.macs)
    assert spent[0] < spent[1] < run.report.macs_full


def literal_speca(errors, first, least, most, tau) -> list[int]:
    """The released state machine, step by step: which steps are computed."""
    computed, counter, stored, was_full = [], 0, None, False
    for step, error in enumerate(errors):
        if step == 0:
            full = True
        elif was_full:
            full, counter, stored = False, 0, None
        elif step < first or counter >= most:
            full = True
        else:
            full = counter >= least and stored is not None and stored > tau
        if full:
            computed.append(step)
        else:
            counter, stored = counter + 1, error
        was_full = full
    return computed


@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=40),
    st.integers(0, 5),
    st.integers(1, 4),
    st.integers(0, 4),
)
def test_the_rule_is_the_released_one(errors, first, least, more) -> None:
    gate = Speculative(first, least, least + more)
    computed, newest = [0], None
    for step in range(1, len(errors)):
        age = step - computed[-1]
        rejected = newest is not None and newest > 0.5
        signal = Signal(ft.Step(step, total=len(errors)), age, torch.zeros(1), rejected=rejected)
        if gate.admits(None, signal)[0]:
            newest = errors[step]
        else:
            computed.append(step)
            newest = None
    assert computed == literal_speca(errors, first, least, least + more, 0.5)


@pytest.mark.parametrize("lag", [0, 1])
def test_speca_computes_more_the_less_it_accepts(lag) -> None:
    family = FAMILIES["dit"]
    model = family.model()
    counts = []
    for threshold in (100.0, 1.0, 0.0):
        method = ft.load_method("speca", threshold=threshold, floor=0.0, order=1, lag=lag)
        with ft.accelerate(model, method, steps=16) as run:
            sample(family, model, 16)
        counts.append(len(run.report.computed))
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    assert lag or counts[-1] == 16


def test_the_threshold_tightens() -> None:
    verifier = ft.Verifier(1.0, decay=0.01, floor=0.05)
    taus = [max(0.05, 0.01 ** (i / 10)) for i in range(10)]
    for i, tau in enumerate(taus):
        assert verifier.accepts(tau * 0.999, ft.Step(i, total=10))
        assert not verifier.accepts(tau * 1.001, ft.Step(i, total=10))
    assert not verifier.accepts(math.nan, ft.Step(0, total=10))
    assert not ft.Verifier(math.inf).accepts(math.nan, ft.Step(0, total=10))


def test_metrics() -> None:
    a, b = (torch.tensor([[1.0, 0.0]]),), (torch.tensor([[2.0, 2.0]]),)
    assert ft.Verifier(1, metric="relative_l1").error(a, b) == pytest.approx(3 / 4)
    assert ft.Verifier(1, metric="relative_l2").error(a, b) == pytest.approx((5 / 8) ** 0.5)
    assert ft.Verifier(1, metric="elementwise_l1").error(a, b) == pytest.approx(0.75)
    assert ft.Verifier(1, metric="cosine").error(a, b) == pytest.approx(1 - 0.5**0.5)


def test_errors() -> None:
    with pytest.raises(InvalidSetting, match="expected PerBlock or PerModule"):
        ft.Method(EVERY_THIRD, ft.Reuse(), ft.PerModel(), verifier=ft.Verifier(0.1))
    with pytest.raises(InvalidSetting, match="sites=\\(-1,\\)"):
        ft.Verifier(0.1, sites=())
    family = FAMILIES["dit"]
    model = family.model()
    method = ft.Method(EVERY_THIRD, ft.Reuse(), ft.PerBlock(), verifier=ft.Verifier(0.1, sites=(7,)))
    refusal = pytest.raises(InvalidSetting, match="site 7 of a model with 3")
    with ft.accelerate(model, method, steps=8), refusal:
        sample(family, model)
