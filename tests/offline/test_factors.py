"""Factors fitted by runs: on a sampler that can be solved by hand, and on real pipelines."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import foretrace as ft
from foretrace.offline import polish
from foretrace.offline.factors import factors_of, free_gaps, relaid, with_factors
from foretrace.offline.gauss_newton import Problem, fit_factors, normal_equations, start
from foretrace.offline.judge import Candidate, Judge
from foretrace.offline.polish import alternate, move
from foretrace.offline.progress import silent
from foretrace.offline.search import Clock
from foretrace.offline.tuner import Tuner, prepare
from offline.common import STEPS, calls, counted, tiny
from offline.test_tune import error

TOTAL = 16
MASK = (0, 3, 7, 11)
masks = st.sets(st.integers(1, 29), max_size=9).map(lambda found: tuple(sorted({0, *found})))


class Simulated(Judge):
    """Euler steps ``x += (c_0 + c_1 t + c_2 t^2 - pull x) / TOTAL``, features forecast where skipped."""

    def __init__(self, seeds: list[int], pull: float = 0.0, broken: int | None = None) -> None:
        self.pull, self.broken = pull, broken
        full = Candidate(tuple(range(TOTAL)), ft.Reuse())
        super().__init__(None, ft.PerModel(), [{"seed": seed} for seed in seeds], [])
        self.references = [self.solve(full, seed) for seed in seeds]
        self.runs = 0

    def solve(self, candidate: Candidate, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        x, *curve = torch.randn(4, 3, 5, generator=generator, dtype=torch.float64)
        points: list[tuple[float, Tensor]] = []
        for i in range(TOTAL):
            if i in candidate.computed:
                part = i / TOTAL
                points.insert(0, (float(i), sum(c * part**k for k, c in enumerate(curve)) - self.pull * x))
            predictor = candidate.predictor
            assert isinstance(predictor, ft.LinearPredictor)
            used = points[: predictor.points]
            weights = predictor.weights([t for t, _ in used], float(i))
            x = x + sum(w * f for w, (_, f) in zip(weights, used, strict=True)) / TOTAL
        return x

    def latents(self, candidates: Sequence[Candidate], number: int) -> list[Tensor]:
        return [self.one(candidate, number) for candidate in candidates]

    def one(self, candidate: Candidate, number: int) -> Tensor:
        self.runs += 1
        found = self.solve(candidate, self.calls[number]["seed"])
        if self.broken == number:
            found[0] = math.nan
        self._known[self._key(candidate, number)] = [
            float((a - b).norm() / b.norm()) for a, b in zip(found, self.references[number], strict=True)
        ]
        return found


def endless() -> Clock:
    return Clock(math.inf)


@given(masks, st.integers(1, 3))
def test_there_is_a_factor_for_every_gap_and_increment_that_has_its_points(
    computed: tuple[int, ...], order: int
) -> None:
    gaps = free_gaps(computed, 30, order)
    for number, (newest, following) in enumerate(pairwise([*computed, 30])):
        own = [gap.increment for gap in gaps if gap.begin == newest + 1]
        wanted = min(order, number) if following - newest > 1 else 0
        assert own == list(range(1, wanted + 1))
    assert all(gap.end in (*computed, 30) for gap in gaps)


@given(masks, st.randoms(use_true_random=False))
def test_every_skipped_step_gets_the_factors_of_its_gap(computed: tuple[int, ...], random: Random) -> None:
    gaps = free_gaps(computed, 30)
    values = [random.uniform(-3, 3) for _ in gaps]
    candidate = with_factors(computed, 30, gaps, values)
    assert candidate.computed == computed
    assert isinstance(candidate.predictor, ft.ScaledLagrange)
    for gap, value in zip(gaps, values, strict=True):
        for step in range(gap.begin, gap.end):
            assert candidate.predictor.factors[step][gap.increment - 1] == pytest.approx(value, abs=1e-6)


@given(masks, masks, st.randoms(use_true_random=False))
def test_factors_go_along_with_their_gaps(
    computed: tuple[int, ...], other: tuple[int, ...], random: Random
) -> None:
    other = tuple(sorted({*other, *range(len(computed))}))[: len(computed)]
    gaps = free_gaps(computed, 30)
    values = [round(random.uniform(-3, 3), 6) for _ in gaps]
    candidate = with_factors(computed, 30, gaps, values)
    assert factors_of(candidate, 30) == values
    assert relaid(candidate, computed, 30) == candidate
    laid = relaid(candidate, other, 30)
    assert laid.computed == other
    assert isinstance(candidate.predictor, ft.ScaledLagrange) and isinstance(
        laid.predictor, ft.ScaledLagrange
    )
    for old, (begin, end) in zip(computed, pairwise([*other, 30]), strict=True):
        assert set(laid.predictor.factors[begin:end]) == {candidate.predictor.factors[old]}


def test_what_time_alone_decides_is_fitted_exactly() -> None:
    """Features that are parabolas in time: two factors a gap can undo every error, those of the first gaps
    included, and the final sample is linear in them.
    """
    judge, held_out = Simulated([1, 2, 3]), Simulated([4, 5])
    _, before = start(Problem(MASK, TOTAL, judge), endless())
    found = fit_factors(Problem(MASK, TOTAL, judge), held_out, endless())
    assert found.error < 2e-3 * before
    assert found.held_out == held_out.error(found.candidate) < 2e-3 * before


@pytest.mark.parametrize("pull", [1.0, 4.0])
def test_feedback_is_fitted_with_the_rest(pull: float) -> None:
    judge, held_out = Simulated([1, 2, 3], pull), Simulated([4, 5], pull)
    problem = Problem(MASK, TOTAL, judge)
    factors, before = start(problem, endless())
    unfitted = held_out.error(problem.candidate(factors))
    found = fit_factors(Problem(MASK, TOTAL, judge), held_out, endless())
    assert found.error < 0.5 * before
    assert found.held_out < 0.5 * unfitted
    errors = [before, *(step["error"] for step in found.path)]
    assert errors == sorted(errors, reverse=True), "a step that does not help is not taken"


def test_the_equations_are_those_of_least_squares() -> None:
    """Without feedback the sample is linear in the factors, so differences are derivatives."""
    judge = Simulated([1])
    problem = Problem(MASK, TOTAL, judge)
    factors = [0.3] * len(problem.gaps)
    found = normal_equations(problem, factors, endless())
    assert found is not None
    left, right = (torch.from_numpy(part) for part in found)
    reference = judge.references[0]

    def residual(values: list[float]) -> Tensor:
        return (judge.one(problem.candidate(values), 0) - reference) / reference.norm(dim=1, keepdim=True)

    r = residual(factors)
    columns = [residual([a + (i == j) for i, a in enumerate(factors)]) - r for j in range(len(factors))]
    errors = r.norm(dim=1)
    weights = 1 / (errors + 0.3 * errors.sort().values[1])
    jacobian = torch.stack(columns, dim=-1)
    torch.testing.assert_close(
        left, torch.einsum("s,sdp,sdq->pq", weights, jacobian, jacobian), rtol=1e-4, atol=1e-6
    )
    torch.testing.assert_close(right, torch.einsum("s,sdp,sd->p", weights, jacobian, r), rtol=1e-4, atol=1e-6)


def test_a_sample_that_is_not_finite_says_nothing() -> None:
    whole, broken = Simulated([1, 2]), Simulated([1, 2], broken=1)
    problem = Problem(MASK, TOTAL, whole)
    factors = [0.3] * len(problem.gaps)
    found = normal_equations(replace(problem, judge=broken), factors, endless())
    assert found is not None and all(torch.from_numpy(part).isfinite().all() for part in found)
    assert math.isfinite(
        sum(whole.each(fit_factors(Problem(MASK, TOTAL, broken), whole, endless()).candidate))
    )


def test_without_time_or_factors_what_it_began_with_comes_back() -> None:
    judge, held_out = Simulated([1, 2]), Simulated([3])
    found = fit_factors(Problem(MASK, TOTAL, judge), held_out, Clock(0.0))
    assert judge.runs == 2 and found.path == []
    assert found.held_out == held_out.error(found.candidate)
    everything = tuple(range(TOTAL))
    assert fit_factors(Problem(everything, TOTAL, judge), held_out, endless()).error == 0.0


def test_moves_under_fitted_factors_only_lower_the_error() -> None:
    judge, held_out = Simulated([1, 2, 3], 4.0), Simulated([4, 5], 4.0)
    poor = (0, 1, 2, 3)
    gaps = free_gaps(poor, TOTAL)
    line = with_factors(poor, TOTAL, gaps, [float(gap.increment == 1) for gap in gaps])
    moved = move(line, judge.error(line), TOTAL, judge, endless())
    assert judge.error(moved) < 0.5 * judge.error(line) and len(moved.computed) == len(poor)
    assert move(line, judge.error(line), TOTAL, judge, Clock(0.0)) == line
    fitted = fit_factors(Problem(poor, TOTAL, judge), held_out, endless())
    found = alternate(poor, TOTAL, judge, held_out, endless())
    assert found.held_out == held_out.error(found.candidate) <= fitted.held_out
    assert found.path[: len(fitted.path)] == fitted.path, "it begins with that fit"


def test_factors_are_not_fitted_again_where_no_step_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    judge, held_out = Simulated([1, 2], 4.0), Simulated([3], 4.0)
    monkeypatch.setattr(polish, "move", lambda current, *_: current)
    fit_factors(Problem(MASK, TOTAL, judge), held_out, endless())
    again = Simulated([1, 2], 4.0)
    alternate(MASK, TOTAL, again, held_out, endless())
    assert again.runs == judge.runs


@pytest.fixture(scope="module")
def tuner() -> Tuner:
    return prepare(tiny(), calls(3), predictors=(ft.Lagrange(1), ft.Lagrange(2)), probes=0)


def test_fitting_never_hands_out_something_worse(tuner: Tuner, tmp_path: Path) -> None:
    plain = replace(tuner, factors=False).search(3, 0.0, 0, silent)
    found = tuner.fit(plain, time.monotonic() + 3.0, silent)
    assert found.held_out <= plain.held_out
    assert found.runs > plain.runs and len(found.candidate.computed) == 3
    assert found.held_out == tuner.held_out.error(found.candidate)
    made = ft.Profile(found.candidate.method(ft.PerModel()), tuner.recording.made_for, {})
    path = made.save(tmp_path / "profile.safetensors")
    again = ft.Profile.load(path).method
    assert error(tuner.judge.pipe, again, list(map(dict, tuner.held_out.calls))) == pytest.approx(
        found.held_out, rel=1e-6
    )


def test_time_that_is_over_costs_no_run(tuner: Tuner) -> None:
    plain = replace(tuner, factors=False).search(3, 0.0, 0, silent)
    with counted(tuner.judge.pipe) as seen:
        assert tuner.fit(plain, 0.0, silent).candidate == plain.candidate
    assert seen == []


def test_factors_carry_over_to_another_number_of_steps() -> None:
    gaps = free_gaps((0, 4, 8), 12)
    method = with_factors((0, 4, 8), 12, gaps, [float(j) for j in range(len(gaps))]).method(ft.PerModel())
    moved = ft.transfer(ft.Profile(method, {"steps": 12}), 23).method
    assert moved.schedule == ft.Mask([0, 8, 16])
    assert isinstance(method.predictor, ft.ScaledLagrange) and isinstance(moved.predictor, ft.ScaledLagrange)
    for new, old in ((9, 5), (15, 7), (17, 9), (22, 11)):
        assert moved.predictor.factors[new] == method.predictor.factors[old]
    assert STEPS < 12
