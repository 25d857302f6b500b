"""AdaCache, BWCache, DiCache and CG-Taylor: their published recursions, and what every gate must keep."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import foretrace as ft
from foretrace.bench.trajectory import Noting
from foretrace.errors import ClockError, InvalidSetting, UnsupportedModel
from foretrace.gate import Gate, Signal
from foretrace.gate.adacache import AdaCache
from foretrace.gate.bwcache import BWCache
from foretrace.gate.codebook import CODEBOOKS, interval
from foretrace.gate.dicache import DiCache
from foretrace.gate.first_block import FirstBlock
from foretrace.gate.motion import MoReg, by_frames, frame_difference
from foretrace.gate.probe_forecast import ProbeForecast
from foretrace.history import SiteKey, Step
from foretrace.predictor import Aligned
from foretrace.runtime.decider import Decider
from foretrace.schedule import Window
from tiny import FAMILIES, sample

INF, NAN = math.inf, math.nan
TOTAL = 12
NAMES = ("adacache", "bwcache", "dicache", "cg_taylor")
SOME = [FAMILIES[name] for name in ("dit", "flux", "wan")]


def method(name: str, gate: Gate | None = None, **settings) -> ft.Method:
    chosen = ft.load_method(name, **settings)
    return chosen if gate is None else replace(chosen, gate=gate)


STRICTEST = {
    "adacache": method("adacache", AdaCache(((INF, 1),))),
    "bwcache": method("bwcache", threshold=0.0),
    "dicache": method("dicache", threshold=0.0),
    "cg_taylor": method("cg_taylor", threshold=0.0),
}
LOOSEST = {
    "adacache": (method("adacache", AdaCache(((INF, TOTAL),))), [0, 1, 10, 11]),
    "bwcache": (method("bwcache", threshold=INF, reuse=TOTAL, tail=0.0), [0, 1]),
    "dicache": (method("dicache", threshold=INF, retain=0.0), [0, 11]),
    "cg_taylor": (method("cg_taylor", threshold=INF), [0, 1, 2, 3, 4, 11]),
}


@pytest.mark.parametrize("family", SOME, ids=lambda f: f.name)
@pytest.mark.parametrize("name", NAMES)
def test_the_strictest_setting_is_uncached_and_the_loosest_skips_all_it_may(name: str, family) -> None:
    model = family.model()
    uncached = sample(family, model, TOTAL)
    with ft.accelerate(model, STRICTEST[name], steps=TOTAL) as run:
        assert torch.equal(sample(family, model, TOTAL), uncached)
    assert run.report.skipped == []
    loosest, computed = LOOSEST[name]
    with ft.accelerate(model, loosest, steps=TOTAL) as run:
        first = sample(family, model, TOTAL)
        assert run.report.computed == computed
        assert torch.equal(sample(family, model, TOTAL), first), "nothing is left over from the run before"
    assert torch.isfinite(first).all() and not torch.equal(first, uncached)
    assert torch.equal(sample(family, model, TOTAL), uncached)


def wander(seed: int, steps: int = 30, shape=(1, 8, 6), rough: float = 0.02) -> list[Tensor]:
    """A smooth walk with some noise, of changing speed."""
    generator = torch.Generator().manual_seed(seed)
    a, b, c = (torch.randn(shape, generator=generator) for _ in range(3))
    places = [i / steps + 0.25 * math.sin(0.5 * i + seed) / 5 for i in range(steps)]
    noise = [rough * torch.randn(shape, generator=generator) for _ in range(steps)]
    return [a + 2 * x * b + 4 * x * x * c + n for x, n in zip(places, noise, strict=True)]


def decide(
    chosen: ft.Method,
    sites: list[list[Tensor]],
    entered: list[Tensor] | None = None,
    latent: Tensor | None = None,
) -> list[int]:
    """The computed steps of a run that shows these features, whatever was skipped: site by site, a step
    each. The first site is the probe, ``entered`` what enters it."""
    total, computed = len(sites[0]), []
    decider = Decider(chosen, chosen.schedule)
    for i in range(total):
        step = Step(i, total=total, batch=1)
        shown = Signal(
            step, 1, torch.zeros(1, 1) if latent is None else latent,
            entered=() if entered is None else (entered[i],), probe=(sites[0][i],),
        )  # fmt: skip
        if not decider.choose(step, shown):
            continue
        computed.append(i)
        if chosen.gate is not None and chosen.gate.watches_sites:
            for number, features in enumerate(sites):
                decider.show(SiteKey("denoiser", 0, number), step, (features[i],))
        decider.note(step, shown, (0,))
    return computed


def adacache_released(r: list[Tensor], book: dict[float, int], tokens: int = 0, begin=0, end=0) -> list[int]:
    """Steps counted from 1; with ``tokens`` a frame, motion counts in the steps from ``begin`` to ``end``."""
    total, old, rate, due, before, computed = len(r), None, 1, 1, 1.0, []
    for step in range(1, total + 1):
        if not (step in (1, total - 1, total) or step == due):
            continue
        computed.append(step - 1)
        new = r[step - 1]
        if old is not None:
            c = float((old - new).norm(p=1) / old.norm(p=1)) / rate
            if tokens:
                reg = 1.0
                if begin <= step <= end:
                    late, early = new[:, tokens:], new[:, :-tokens]
                    m = (late - early).norm(p=1) / (late.norm(p=1) + early.norm(p=1))
                    reg = float(1 / 0.385 * m) ** 8
                grad = 10 * (reg - before) / rate
                before = reg
                c *= reg + abs(grad)
            rate = next((n for bound, n in book.items() if c < bound), list(book.values())[-1])
        old, due = new, step + rate
    return computed


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("book", CODEBOOKS)
def test_adacache_is_the_released_recursion(seed: int, book: str) -> None:
    sites = [wander(seed + 10 * k) for k in range(4)]
    rows = tuple((bound, n) for bound, n in CODEBOOKS[book])
    for block, watched in ((None, 1), (3, 3)):  # the middle of four is the one before the half
        chosen = method("adacache", AdaCache(rows, block))
        assert decide(chosen, sites) == adacache_released(sites[watched], dict(rows))
    assert decide(method("adacache", AdaCache(rows)), [sites[2]]) == adacache_released(sites[2], dict(rows))


@pytest.mark.parametrize("seed", range(6))
def test_motion_regularisation_is_the_released_one(seed: int) -> None:
    """On frames that resemble each other more or less from step to step."""
    still = wander(seed, shape=(1, 1, 4, 6))
    moving = wander(seed + 50, shape=(1, 5, 4, 6))
    mixed = [
        (s + 0.5 * (1 + math.sin(i)) * m).flatten(1, 2)
        for i, (s, m) in enumerate(zip(still, moving, strict=True))
    ]
    gate = AdaCache(CODEBOOKS["fast"], motion=MoReg(begin=4 / 30, end=26 / 30))
    got = decide(method("adacache", gate), [mixed], latent=torch.zeros(1, 4, 5, 8, 8))
    assert got == adacache_released(mixed, dict(CODEBOOKS["fast"]), 4, 4, 26)
    assert got != adacache_released(mixed, dict(CODEBOOKS["fast"])), "the case must tell"


def bwcache_published(h: list[list[Tensor]], delta: float, reuse: int) -> list[int]:
    total, due, tail, computed = len(h[0]), 0, None, []
    for i in range(total):
        if computed and i < due and (tail is None or i < tail):
            continue
        if computed:
            last = computed[-1]
            each = [float((x[i] - x[last]).abs().mean() / x[last].abs().mean()) for x in h]
            if sum(each) / len(each) < delta:
                due = i + 1 + reuse
                left = total - (i + 1)
                tail = total - left // 2 if tail is None else tail
        computed.append(i)
    return computed


@pytest.mark.parametrize("seed", range(4))
def test_bwcache_is_the_published_recursion(seed: int) -> None:
    sites = [wander(seed + 10 * k) for k in range(3)]
    found = set()
    for delta in (0.05, 0.15, 0.3):
        expected = bwcache_published(sites, delta, 3)
        assert decide(method("bwcache", threshold=delta), sites) == expected, "R is a tenth of 30 steps"
        found.add(tuple(expected))
    assert len(found) > 1, "the cases must tell"


def dicache_released(x: list[Tensor], y: list[Tensor], threshold: float, choice: str) -> list[int]:
    total, spent, computed = len(y), 0.0, []
    for i in range(total):
        if i == 0 or i == total - 1:
            spent, calc = 0.0, True
        else:
            dx = float((x[i] - x[i - 1]).abs().mean() / x[i - 1].abs().mean())
            dy = float((y[i] - y[i - 1]).abs().mean() / y[i - 1].abs().mean())
            spent += dy if choice == "output" else abs(dy - dx)
            calc = not spent < threshold
            spent = 0.0 if calc else spent
        if calc:
            computed.append(i)
    return computed


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("choice", "threshold"), [("output", 0.4), ("output", 0.1), ("difference", 0.08)])
def test_dicache_is_the_released_recursion(seed: int, choice: str, threshold: float) -> None:
    x, y = wander(seed), wander(seed + 10)
    chosen = method("dicache", threshold=threshold, error=choice, retain=0.0)
    computed = decide(chosen, [y], entered=x)
    assert computed == dicache_released(x, y, threshold, choice)
    assert 2 < len(computed) < 30


def cg_taylor_released(p: list[Tensor], threshold: float, order: int, mid_cor: int) -> list[int]:
    factors: dict[int, Tensor] = {}
    activated, computed = [0], []
    for i in range(len(p)):
        x = i - activated[-1]
        forecast = sum((d * x**k / math.factorial(k) for k, d in factors.items()), torch.zeros(()))
        error = float((forecast - p[i]).abs().mean() / p[i].abs().mean()) if i > mid_cor else INF
        if not error < threshold:
            activated.append(i)
            new = {0: p[i]}
            for k in range(order):
                if k in factors:
                    new[k + 1] = (new[k] - factors[k]) / (activated[-1] - activated[-2])
            factors = new
        if i in (0, len(p) - 1) or not error < threshold:
            computed.append(i)
    return computed


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("order", [1, 3])
def test_cg_taylor_is_the_released_recursion(seed: int, order: int) -> None:
    probe, skipped = wander(seed, rough=0.002), 0
    for threshold in (0.05, 0.13, 0.36):
        chosen = method("cg_taylor", threshold=threshold, first_order=order)
        computed = decide(chosen, [probe])
        assert computed == cg_taylor_released(probe, threshold, order, 4)
        skipped += 30 - len(computed)
    assert skipped, "the cases must tell"


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_that_is_not_finite_computes(name: str) -> None:
    """Even at the loosest setting; and healthy steps are skipped again."""
    loosest, computed = LOOSEST[name]
    sick = [torch.full((1, 8, 6), NAN)] * TOTAL
    assert decide(loosest, [sick], entered=sick) == list(range(TOTAL))
    well = wander(0, TOTAL)
    assert decide(loosest, [well], entered=well) == computed
    once = [*well[:1], sick[0], *well[2:]]
    after = decide(loosest, [once], entered=once)
    assert 1 in after and len(after) < TOTAL


@pytest.mark.parametrize("book", CODEBOOKS.values(), ids=CODEBOOKS)
def test_codebooks_are_exact_at_their_edges(book) -> None:
    for (bound, steps), (_, following) in zip(book, (*book[1:], book[-1]), strict=True):
        assert interval(book, math.nextafter(bound, 0.0)) == steps
        assert interval(book, bound) == following
    assert interval(book, 0.0) == book[0][1]
    assert interval(book, INF) == book[-1][1]
    assert interval(book, NAN) == 1


def test_frames_are_found_in_every_layout() -> None:
    video = torch.randn(2, 5, 7, 3, generator=torch.Generator().manual_seed(0))  # samples, frames, places
    layouts = [video.flatten(1, 2), video.flatten(0, 1), video.transpose(1, 2).flatten(0, 1)]
    found = [frame_difference(by_frames(x, 2, 5)) for x in layouts]
    assert found == pytest.approx([found[0]] * 3) and found[0] > 0
    assert frame_difference(by_frames(video[:, :1].expand(-1, 5, -1, -1).flatten(1, 2), 2, 5)) == 0.0
    for shape in ((2, 7, 3), (3, 5, 3), (10, 5, 3)):  # no frames; no samples; two readings
        with pytest.raises(UnsupportedModel, match=r"MoReg got a feature of shape.*frames=\.\.\."):
            by_frames(torch.zeros(shape), 2, 5)


def test_motion_counts_on_a_video_model_and_is_refused_on_images() -> None:
    wan, dit = FAMILIES["wan"], FAMILIES["dit"]
    model = wan.model()
    runs = []
    for settings in ({"motion_scale": 10.0}, {"motion_scale": 0.01}):  # still, and moving wildly
        with ft.accelerate(model, "adacache", motion="moreg", steps=TOTAL, **settings) as run:
            sample(wan, model, TOTAL)
        runs.append(run.report.computed)
    assert len(runs[0]) < len(runs[1]) == TOTAL
    with pytest.raises(UnsupportedModel, match=r"\(2, 4, 8, 8\); expected a video.*motion='none'"):
        model = dit.model()
        with ft.accelerate(model, "adacache", motion="moreg", steps=TOTAL):
            sample(dit, model, TOTAL)


def test_alignment_is_the_published_formula() -> None:
    residuals, probes = wander(1, 4), wander(2, 4)
    aligned = Aligned()
    state = aligned.init()
    for i in (0, 1):
        state = aligned.commit(aligned.look(state, (probes[i],)), Step(i), (residuals[i],))
    moved = (probes[3] - probes[0]).abs().mean() / (probes[1] - probes[0]).abs().mean()
    gamma = moved.clip(1, 1.5)
    (got,) = aligned.predict(aligned.look(state, (probes[3],)), Step(3))
    torch.testing.assert_close(got, residuals[0] + gamma * (residuals[1] - residuals[0]))
    (same,) = aligned.predict(aligned.look(state, (probes[1],)), Step(3))
    assert torch.equal(same, residuals[1]), "a probe that stands still reuses"


def test_alignment_without_a_probe_is_refused() -> None:
    state = Aligned().init()
    with pytest.raises(InvalidSetting, match="was shown no probe"):
        Aligned().commit(state, Step(0), (torch.zeros(1),))
    for gate in (None, BWCache(0.1), FirstBlock(0.1, reduce="sample")):
        with pytest.raises(InvalidSetting, match=r"expected one that looks behind the first blocks"):
            ft.Method(Window(), Aligned(), ft.PerStack(1), gate=gate)


@pytest.mark.parametrize(
    "around",
    [
        Noting,
        lambda inner: ft.Damped(inner, 1.0),
        lambda inner: ft.Blend(ft.FoCa(), inner, 0.0),
        lambda inner: ft.Channels((inner, ft.Reuse()), (0,) * 16),
    ],
    ids=["noting", "damped", "blend", "channels"],
)
def test_what_stands_around_a_predictor_hands_on_the_probe(around) -> None:
    """DiCache's residual needs it at every call, also below a combinator or the bench's notes."""
    family, chosen = FAMILIES["dit"], method("dicache", threshold=0.3, retain=0.2)
    model = family.model()
    with ft.accelerate(model, chosen, steps=TOTAL) as run:
        expected = sample(family, model, TOTAL)
        assert len(run.report.skipped) > 2
    with ft.accelerate(model, replace(chosen, predictor=around(chosen.predictor)), steps=TOTAL):
        torch.testing.assert_close(sample(family, model, TOTAL), expected)


def test_what_is_shown_old_points_anew_cannot_look_at_a_probe() -> None:
    with pytest.raises(InvalidSetting, match=r"looks at a probe once a step; expected .*without Centered"):
        ft.Centered(Aligned())


@pytest.mark.parametrize("family", SOME, ids=lambda f: f.name)
def test_a_branch_that_follows_is_aligned_by_its_own_probe(family) -> None:
    """Where decisions agree, following gives what deciding alone gives."""
    model, images = family.model(), []
    for branches in ("lead", "alone"):
        chosen = method("dicache", DiCache(INF, branches=branches), retain=0.3)
        with ft.accelerate(model, chosen, steps=TOTAL) as run:
            images.append(sample(family, model, TOTAL, branches=2))
        assert run.report.branches["denoiser", 1] == (4, 8)
    assert torch.equal(*images)


@pytest.mark.parametrize("name", NAMES)
def test_samples_that_decide_for_themselves_do_not_depend_on_their_mates(name: str) -> None:
    family = FAMILIES["dit"]
    settings = {
        "adacache": {"codebook": "fast-100"},
        "bwcache": {"threshold": 0.3, "reuse": 2},
        "dicache": {"threshold": 0.25, "residual": "reused"},
        "cg_taylor": {"threshold": 0.3},
    }
    model = family.model()
    with ft.accelerate(model, name, reduce="sample", steps=TOTAL, **settings[name]) as run:
        together = sample(family, model, TOTAL, batch=3)
        assert run.report.mean_computed < TOTAL
        alone = [sample(family, model, TOTAL, batch=3, rows=[i]) for i in range(3)]
    torch.testing.assert_close(torch.cat(alone), together, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bad", [-0.1, NAN, True, "much"])
@pytest.mark.parametrize("name", ["bwcache", "dicache", "cg_taylor"])
def test_thresholds_out_of_range_are_refused(name: str, bad) -> None:
    with pytest.raises(InvalidSetting, match=r"threshold got .*; expected a number from 0"):
        ft.load_method(name, threshold=bad)


@pytest.mark.parametrize(
    "book",
    [(), ((0.2, 3), (0.1, 1)), ((0.1, 3), (0.1, 1)), ((0.0, 1),), ((0.1, 0),), ((NAN, 2),), ((1, 1.5),)],
)
def test_a_codebook_that_does_not_rise_is_refused(book) -> None:
    with pytest.raises(InvalidSetting, match="rising bounds above 0"):
        AdaCache(book)


@pytest.mark.parametrize("name", ["dicache", "cg_taylor"])
@pytest.mark.parametrize("granularity", ["model", "stack:residual", "block:residual", "module(attn)"])
def test_a_granularity_without_the_probe_is_refused(name: str, granularity: str) -> None:
    with pytest.raises(InvalidSetting, match=r"looks into the blocks before the span.*PerStack\(head=1\)"):
        ft.attach(FAMILIES["dit"].model(), name, granularity=granularity, steps=TOTAL)


def test_what_else_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="reuse got 0"):
        BWCache(0.1, reuse=0)
    with pytest.raises(InvalidSetting, match="tail got 2"):
        BWCache(0.1, tail=2.0)
    with pytest.raises(InvalidSetting, match="scale got 0"):
        MoReg(scale=0.0)
    with pytest.raises(InvalidSetting, match="frames got 1"):
        MoReg(frames=1)
    with pytest.raises(InvalidSetting, match="error got 'delta'"):
        DiCache(0.1, error="delta")
    with pytest.raises(InvalidSetting, match="codebook got 'faster'"):
        ft.load_method("adacache", codebook="faster")
    with pytest.raises(InvalidSetting, match=r"longest got 0\.5"):
        Aligned(0.5)
    with pytest.raises(ClockError, match="unknown length"):
        ft.attach(FAMILIES["dit"].model(), ft.Method(ft.Stride(1), ft.Reuse(), gate=BWCache(0.1)))
    model = FAMILIES["dit"].model()
    with pytest.raises(InvalidSetting, match=r"watches site 40 of a denoiser with 3.*block=None"):
        with ft.accelerate(model, "adacache", block=40, steps=TOTAL):
            sample(FAMILIES["dit"], model, TOTAL)


@pytest.mark.parametrize("predictor", [ft.Reuse(), ft.Lagrange(1), ft.FoCa()], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_gates_go_with_any_predictor(name: str, predictor) -> None:
    family = FAMILIES["dit"]
    model, (loosest, _) = family.model(), LOOSEST[name]
    with ft.accelerate(model, replace(loosest, predictor=predictor), steps=TOTAL) as run:
        image = sample(family, model, TOTAL)
    assert run.report.skipped and torch.isfinite(image).all()


def test_the_probes_forecast_may_be_any_predictors() -> None:
    line = [torch.full((1, 4), 1.0 + i) for i in range(TOTAL)]
    gate = ProbeForecast(1e-6, ft.Lagrange(1))
    assert decide(method("cg_taylor", gate), [line]) == [0, 1, 2, 3, 4, 11]
