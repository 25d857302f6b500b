"""MagCache, EasyCache, SeaCache and SenCache decide as published, and keep the laws of gates."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import foretrace as ft
from foretrace.errors import ClockError, InvalidSetting, UnsupportedModel
from foretrace.gate import EasyCache, Gate, MagCache, SeaCache, SenCache, Signal
from foretrace.gate.mag_cache import resampled
from foretrace.gate.mag_ratios import RATIOS
from foretrace.gate.sea_cache import grid_of
from foretrace.gate.spectrum import content
from foretrace.offline.modulation import modulated
from tiny import FAMILIES, sample

STEPS = 8
RISING = tuple(1.0 + 0.02 * i for i in range(STEPS))
TABLES = {"times": (900.0, 500.0, 100.0), "to_input": (1.0, 0.5, 2.0), "to_time": (1e-3, 2e-3, 1e-3)}
GATES = {
    "magcache": MagCache(0.1, (RISING,)),
    "easycache": EasyCache(0.1),
    "seacache": SeaCache(0.1),
    "sencache": SenCache(0.1, **TABLES),
}


def method(gate: Gate, predictor: ft.Predictor | None = None) -> ft.Method:
    return ft.Method(ft.Counter(10**6, 2), predictor or ft.Reuse(), ft.PerStack(store="residual"), gate=gate)


def noises(count: int = 30, size: int = 6) -> list[Tensor]:
    """A random walk of latents that slows down and speeds up."""
    generator = torch.Generator().manual_seed(3)
    steps = [0.3 * (1 + math.sin(i / 3)) * torch.randn(2, 4, size, size, generator=generator)
             for i in range(count)]  # fmt: skip
    return list(torch.stack(steps).cumsum(dim=0) + 1.0)


def decided(gate: Gate, signals: list[Signal], warmup: int = 1) -> list[int]:
    """The computed steps, by the contract alone; ``signal.output`` is what computing would return."""
    state, computed, last = gate.init(), [], 0
    for i, signal in enumerate(signals):
        admitted = False
        if i > 0:
            shown = replace(signal, age=i - last, output=())
            admitted, state = gate.admits(state, shown)
        if i < warmup or not admitted:
            state = gate.computed(state, replace(signal, age=i - last))
            computed.append(i)
            last = i
    return computed


def signals(latents: list[Tensor], **more: Any) -> list[Signal]:
    total = len(latents)
    return [
        Signal(ft.Step(i, 1000.0 - 30 * i, total), 1, x, output=(torch.sin(x) * (1 + i / total),), **more)
        for i, x in enumerate(latents)
    ]


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("predictor", [ft.Reuse(), ft.Lagrange(1)], ids=str)
def test_the_ends_of_the_threshold(name: str, predictor: ft.Predictor) -> None:
    """0 is the uncached run bit for bit, inf skips all that the schedule allows; runs repeat themselves."""
    family = FAMILIES["dit"]
    model = family.model()
    uncached = sample(family, model, STEPS)
    for threshold, computed in ((0.0, list(range(STEPS))), (math.inf, [0, 1])):
        chosen = method(replace(GATES[name], threshold=threshold), predictor)
        with ft.accelerate(model, chosen, steps=STEPS) as run:
            first = sample(family, model, STEPS)
            assert run.report.computed == computed
            assert torch.equal(sample(family, model, STEPS), first)
        assert torch.equal(first, uncached) == (threshold == 0.0)


@pytest.mark.parametrize("name", ["easycache", "seacache", "sencache"])
@pytest.mark.parametrize("threshold", [0.1, math.inf])
def test_what_is_not_finite_is_computed(name: str, threshold: float) -> None:
    latents = noises(8)
    latents[5] = torch.full_like(latents[5], math.nan)
    made = [replace(s, probe=(s.latent.flatten(2).transpose(1, 2),)) for s in signals(latents)]
    assert 5 in decided(replace(GATES[name], threshold=threshold), made, warmup=2)


@pytest.mark.parametrize("threshold", [0.01, 0.06, 0.3])
def test_magcache_is_the_published_recursion(threshold: float) -> None:
    table, longest, kept = RATIOS["wan2.1-t2v-1.3b"][0], 3, 10
    expected, ratio, error, skipped = [], 1.0, 0.0, 0
    for i, gamma in enumerate(table):
        if i >= kept:
            ratio, skipped = ratio * gamma, skipped + 1
            error += abs(1 - ratio)
            if error < threshold and skipped <= longest:
                continue
            ratio, error, skipped = 1.0, 0.0, 0
        expected.append(i)
    chosen = ft.load_method("magcache", threshold=threshold, longest=longest, model="wan2.1-t2v-1.3b")
    assert chosen.gate == MagCache(threshold, RATIOS["wan2.1-t2v-1.3b"], branches="alone")
    family = FAMILIES["wan"]
    with ft.accelerate(model := family.model(), chosen, steps=50) as run:
        sample(family, model, 50, batch=1)
    assert run.report.computed == expected


@pytest.mark.parametrize("threshold", [0.5, 1.0, 3.0])
def test_easycache_is_the_published_recursion(threshold: float) -> None:
    made = signals(noises())
    expected, k, error = [], None, 0.0
    before = past_x = past_f = None
    for i, signal in enumerate(made):
        x, f = signal.latent.numpy().astype(np.float64), signal.output[0].numpy().astype(np.float64)
        if i >= 3 and k is not None:
            error += k * np.abs(x - before).mean() / np.abs(past_f).mean()
            if error < threshold:
                before = x
                continue
        if past_f is not None:
            k = np.abs(f - past_f).mean() / np.abs(x - past_x).mean()
        before = past_x = x
        past_f, error = f, 0.0
        expected.append(i)
    assert decided(EasyCache(threshold), made, warmup=3) == expected
    assert 3 < len(expected) < len(made)


@pytest.mark.parametrize("tolerance", [0.5, 1.2, 2.0])
def test_step_modulation_is_its_table_along_the_same_run(tolerance: float) -> None:
    """The gate, which knows computed steps alone, and the rule run over a recording."""
    made = signals(noises())
    table = modulated([s.output[0] for s in made], tolerance, warmup=2)
    assert decided(ft.StepModulation(tolerance), made, warmup=2) == list(table)
    assert len({b - a for a, b in itertools.pairwise(table)}) > 1


def test_step_modulation_over_samples() -> None:
    """By the fastest of them with "max", by all together with "mean"."""
    still, fast = torch.ones(1, 4, 2, 2), 1.4 ** torch.arange(8.0)
    made = [
        Signal(ft.Step(i, 0.0, 8), 1, still.expand(2, -1, -1, -1), output=(torch.cat((still, still * f)),))
        for i, f in enumerate(fast.tolist())
    ]
    alone = [replace(s, output=(s.output[0][1:],), latent=s.latent[1:]) for s in made]
    gate = ft.StepModulation(2.0)
    assert decided(gate, [replace(s, over="max") for s in made], 2) == decided(gate, alone, 2) == [0, 1, 4, 7]
    assert decided(gate, made, 2) == [0, 1, 5]


@pytest.mark.parametrize("threshold", [0.2, 0.5, 1.5])
def test_seacache_is_the_published_recursion(threshold: float) -> None:
    """The gain as released, with its epsilons; noise as of a flow."""
    tokens = [x.flatten(2).transpose(1, 2).contiguous() for x in noises()]
    sigmas = np.linspace(0.99, 0.02, len(tokens))
    made = [
        replace(s, probe=(x,), noise=sigma / (1 - sigma))
        for s, x, sigma in zip(signals(noises()), tokens, sigmas, strict=True)
    ]
    expected, before, spent = [], None, 0.0
    for i, (x, b) in enumerate(zip(tokens, sigmas, strict=True)):
        grid, a, gain = x.numpy().astype(np.float64).reshape(2, 6, 6, 4), 1 - b, 1.0
        for axis in (1, 2):
            power = 1 / (np.abs(np.fft.fftfreq(6)) ** 2 + 1e-16)
            own = a * power / (a * a * power + b * b + 1e-16)
            gain = gain * own.reshape([6 if k == axis else 1 for k in range(4)])
        seen = np.fft.ifftn(np.fft.fftn(grid, axes=(1, 2)) * gain / gain.mean(), axes=(1, 2)).real
        if before is not None:
            spent += np.abs(seen - before).mean() / np.abs(before).mean()
        if before is None or spent >= threshold:
            expected.append(i)
            spent = 0.0
        before = seen
    assert decided(SeaCache(threshold), made) == expected
    assert 1 < len(expected) < len(made)


@pytest.mark.parametrize("threshold", [0.4, 0.8])
def test_sencache_is_the_published_recursion(threshold: float) -> None:
    made = signals(noises())
    gate, early = SenCache(threshold, 0.3, **TABLES), round(0.2 * len(made))
    expected, reference = [], None
    for i, signal in enumerate(made):
        x, t = signal.latent.numpy().astype(np.float64), signal.step.t
        if reference is not None:
            at = int(np.argmin(np.abs(np.array(TABLES["times"]) - reference[1])))
            moved = np.mean([np.linalg.norm(d) / math.sqrt(d.size) for d in x - reference[0]])
            score = TABLES["to_input"][at] * moved + TABLES["to_time"][at] * abs(t - reference[1])
            if score < (0.3 if i < early else threshold):
                continue
        reference = x, t
        expected.append(i)
    assert decided(gate, made) == expected
    assert 1 < len(expected) < len(made)


def test_branches_alone_follow_their_own_tables() -> None:
    """Cond's magnitude stands still and uncond's does not."""
    gate = MagCache(0.5, ((1.0,) * STEPS, (1.0, *(9.0,) * (STEPS - 1))), branches="alone")
    family = FAMILIES["dit"]
    model = family.model()
    with ft.accelerate(model, method(gate), steps=STEPS) as run:
        sample(family, model, STEPS, branches=2)
    calls = run._session.log.calls
    by_branch = [[c.step for c in calls if c.key[1] == branch and not c.skipped] for branch in (0, 1)]
    assert by_branch == [[0, 1], list(range(STEPS))]


def test_the_filter_keeps_constants_relative_to_nothing_and_all_without_noise() -> None:
    x = torch.randn(2, 5, 6, 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(content(x, 0.0, 2.0), x, atol=1e-5)
    covered = content(x, 1e6, 2.0)
    mean = x.mean(dim=(1, 2), keepdim=True)
    assert torch.allclose(covered, (5 * 6 * mean).expand_as(x), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("latent", "tokens", "grid"),
    [
        ((1, 4, 8, 8), 16, (4, 4)),
        ((1, 4, 8, 16), 32, (4, 8)),
        ((1, 4, 5, 8, 8), 80, (5, 4, 4)),
        ((1, 64, 16), 64, (8, 8)),
        ((1, 60, 16), 60, ()),
        ((1, 4, 8, 8), 17, ()),
    ],
)
def test_grids_of_tokens(latent: tuple[int, ...], tokens: int, grid: tuple[int, ...]) -> None:
    assert grid_of(torch.zeros(1, tokens, 3), torch.zeros(latent)) == grid


def test_tables_of_other_lengths() -> None:
    table = (1.0, 2.0, 3.0, 4.0, 5.0)
    assert resampled(table, 5) == table
    assert resampled(table, 3) == (1.0, 3.0, 5.0)
    assert resampled(table, 9) == tuple(table[round(i / 2)] for i in range(9))
    model = FAMILIES["dit"].model()
    with pytest.raises(InvalidSetting, match=r"ratios of 28 steps and got a run of 20.*total=20"):
        ft.attach(model, "magcache", model="flux", steps=20)
    ft.attach(model, ft.load_method("magcache", model="flux", total=20), steps=20).detach()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: MagCache(-1.0), "threshold got -1.0"),
        (lambda: MagCache(0.1, ((1.0, -2.0),)), "expected positive numbers"),
        (lambda: EasyCache(math.nan), "threshold got nan"),
        (lambda: SeaCache(-0.1), "threshold got -0.1"),
        (lambda: SeaCache(0.1, grid=(4,)), r"got grid=\(4,\)"),
        (lambda: SeaCache(0.1, power=0.0), "power got 0.0"),
        (lambda: SenCache(0.1, early=-1.0), "early got -1.0"),
        (lambda: SenCache(0.1, times=(1.0,)), "tables of 1, 0, 0 entries"),
        (lambda: SenCache(0.1, None, (1.0,), (-1.0,), (1.0,)), "expected numbers >= 0"),
        (lambda: MagCache(0.1).check(9, ft.PerStack()), "got no ratios"),
        (lambda: SenCache(0.1).check(9, ft.PerStack()), "got no sensitivities"),
        (lambda: ft.load_method("magcache", model="flax"), "model got 'flax'"),
        (lambda: ft.load_method("magcache", model="flux", ratios=(1.0,)), "expected one table"),
    ],
)
def test_what_is_out_of_range_is_refused(make: Any, told: str) -> None:
    with pytest.raises(InvalidSetting, match=told):
        make()


def test_what_cannot_be_seen_is_refused() -> None:
    model = FAMILIES["dit"].model()
    with pytest.raises(InvalidSetting, match="the first block"):
        ft.attach(model, "seacache", granularity="model", steps=STEPS)
    with pytest.raises(UnsupportedModel, match=r"fill a grid, and got the grid \(3, 3\)"):
        gate = SeaCache(0.1, grid=(3, 3))
        with ft.accelerate(model, method(gate), steps=STEPS):
            sample(FAMILIES["dit"], model, STEPS)
    with pytest.raises(ClockError, match="unknown length"):
        SenCache(0.1, 0.1, **TABLES).check(None, ft.PerStack())
