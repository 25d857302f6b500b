"""The search over schedules, before a judge that is a formula; and the judge that makes runs."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import foretrace as ft
from foretrace.offline import search as module
from foretrace.offline.judge import BEHIND, Candidate, Judge
from foretrace.offline.proposal import uniform
from foretrace.offline.sampling import relative_error, sample
from foretrace.offline.search import Found, moves, predictor_moves, search
from offline.common import STEPS, calls, counted, tiny

TOTAL, COUNT = 16, 5
PREDICTORS = (ft.Lagrange(1), ft.Lagrange(2), ft.FoCa(0.5))
seeds = st.integers(0, 99)


class Formula:
    """Errors from the candidate alone: rough in the steps, another level for every predictor."""

    def __init__(self, seed: int, roughness: float = 0.3, most: int = 1) -> None:
        self.most = most
        rng = np.random.default_rng(seed)
        self.best, self.level = rng.uniform(0, TOTAL, COUNT), {p: rng.uniform(1, 2) for p in PREDICTORS}
        self.best.sort()
        self.roughness = roughness
        self.seen: dict[Candidate, None] = {}

    def value(self, candidate: Candidate) -> float:
        away = np.abs(np.array(candidate.computed) - self.best).sum()
        noise = int(candidate.key, 16) % 1000 / 1000
        return self.level.get(candidate.predictor, 1.2) + 0.1 * away + self.roughness * noise

    def error(self, candidate: Candidate, rival: Candidate | None = None, calls: int | None = None) -> float:
        self.seen[candidate] = None
        found = self.value(candidate)
        return found if rival is None or found <= BEHIND * self.value(rival) else math.inf

    def errors_of(self, group: Any, rival: Candidate | None = None, calls: int | None = None) -> list[float]:
        return [self.error(candidate, rival, calls) for candidate in group]

    @property
    def runs(self) -> int:
        """None is made twice."""
        return len(self.seen)


def candidates() -> list[Candidate]:
    masks = (uniform(TOTAL, COUNT), uniform(TOTAL, COUNT, last=True))
    return [Candidate(tuple(mask), p) for mask in masks for p in PREDICTORS]


def run(judge: Any, held_out: Any, seconds: float = 60.0, seed: int = 0) -> Found:
    deadline = time.monotonic() + seconds
    return search(candidates(), TOTAL, PREDICTORS, judge, held_out, deadline, seed)


@settings(max_examples=25)
@given(first=seeds, second=seeds, seed=seeds)
def test_the_end_is_no_worse_than_the_best_seed_where_it_counts(first: int, second: int, seed: int) -> None:
    judge, held_out = Formula(first), Formula(second)
    found = run(judge, held_out, seed=seed)
    start = min(candidates(), key=Formula(first).value)
    assert found.held_out <= held_out.value(start)
    assert found.held_out == held_out.value(found.candidate)
    assert found.error == judge.value(found.candidate) <= judge.value(start)
    assert found.held_out == min(step["held_out"] for step in found.path)
    errors = [step["error"] for step in found.path]
    assert errors == sorted(errors, reverse=True)
    assert found.runs == judge.runs + held_out.runs


@settings(max_examples=25)
@given(first=seeds, seed=seeds)
def test_every_candidate_has_the_steps_asked_for(first: int, seed: int) -> None:
    judge = Formula(first)
    run(judge, judge, seed=seed)
    assert len({one.computed for one in judge.seen}) > len(candidates()) / 3
    for one in judge.seen:
        assert len(set(one.computed)) == COUNT
        assert list(one.computed) == sorted(one.computed)
        assert one.computed[0] == 0
        assert one.computed[-1] < TOTAL


@settings(max_examples=10)
@given(first=seeds, second=seeds, seed=seeds)
def test_the_same_seed_finds_the_same(first: int, second: int, seed: int) -> None:
    a, b = (run(Formula(first), Formula(second), seed=seed) for _ in range(2))
    assert (a.candidate, a.error, a.held_out, a.path) == (b.candidate, b.error, b.held_out, b.path)


@given(seed=seeds)
def test_without_roughness_the_optimum_is_found(seed: int) -> None:
    """One valley, the same on the held-out calls: nothing is left to gain from any move."""
    judge = Formula(seed, roughness=0.0)
    found = run(judge, judge, seed=seed)
    rng = np.random.default_rng(0)
    for other in moves(found.candidate, TOTAL, PREDICTORS, rng):
        assert judge.value(other) >= found.error


def test_the_seeds_alone_are_judged_when_time_is_over() -> None:
    judge, held_out = Formula(0), Formula(1)
    found = run(judge, held_out, seconds=-1.0)
    assert (judge.runs, held_out.runs) == (1, 1)
    assert len(found.path) == 1
    assert found.candidate == candidates()[0]
    assert found.held_out == held_out.value(found.candidate)


@pytest.mark.parametrize("limit", [1, 3, 10, 40])
def test_the_search_ends_at_the_deadline(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that moves by one second a run."""
    judge, held_out = Formula(3), Formula(4)
    clock = SimpleNamespace(monotonic=lambda: float(judge.runs))
    monkeypatch.setattr(module, "time", clock)
    told: list[int] = []

    class Bar:
        def __init__(self, word: str, total: int) -> None:
            assert total == limit

        def __enter__(self) -> Any:
            return told.append

        def __exit__(self, *_: object) -> None:
            """Nothing."""

    found = search(candidates(), TOTAL, PREDICTORS, judge, held_out, float(limit), progress=Bar)  # type: ignore[arg-type]
    assert judge.runs == limit
    assert sum(told) == limit
    assert found.seconds == limit


def test_a_search_without_end_ends_by_itself() -> None:
    found = run(Formula(0), Formula(1), seconds=math.inf)
    assert found.runs > 0


@given(data=st.data(), seed=seeds)
def test_moves_are_all_neighbours_once(data: st.DataObject, seed: int) -> None:
    computed = (0, *sorted(data.draw(st.sets(st.integers(1, TOTAL - 1), max_size=6))))
    start = Candidate(computed, data.draw(st.sampled_from(PREDICTORS)))
    found = list(moves(start, TOTAL, PREDICTORS, np.random.default_rng(seed)))
    other = [one for one in found if one.predictor != start.predictor]
    assert {one.predictor for one in other} == set(PREDICTORS) - {start.predictor}
    assert all(one.computed == computed for one in other)
    shifted = {one.computed for one in found if one.predictor == start.predictor}
    expected = {
        tuple(sorted({*computed, step + by} - {step}))
        for step in computed[1:]
        for by in (-4, -2, -1, 1, 2, 4)
        if 0 < step + by < TOTAL and step + by not in computed
    }
    assert shifted == expected


def test_predictor_moves_change_one_gap() -> None:
    start = Candidate((0, 3, 4, 9), ft.Lagrange(1))
    bases = (ft.Lagrange(1), ft.Lagrange(2), ft.Reuse())
    found = list(predictor_moves(start, 12, bases))
    gaps = {(4, 9): [5, 6, 7, 8], (9, 12): [10, 11]}
    assert len(found) == 2 * len(gaps)
    for one in found:
        assert one.computed == start.computed
        chosen = {step: one.predictor.at(step) for step in range(12)}  # type: ignore[attr-defined]
        changed = [step for step in (1, 2, 5, 6, 7, 8, 10, 11) if chosen[step] != start.predictor]
        assert changed in gaps.values()
        assert len({chosen[step] for step in changed}) == 1
    (again, *_) = predictor_moves(found[0], 12, bases)
    assert again.predictor.bases == found[0].predictor.bases  # type: ignore[attr-defined]
    assert not list(predictor_moves(Candidate((0, 3), ft.FoCa()), 12, bases))


def judge_of(pipe: Any, made: list[dict[str, Any]], memory: Path | None = None) -> Judge:
    return Judge(pipe, ft.PerModel(), made, [sample(pipe, call) for call in made], memory)


def test_a_judge_measures_runs_and_makes_none_twice(tmp_path: Path) -> None:
    pipe, made, memory = tiny(), calls(3), tmp_path / "verdicts.jsonl"
    one, other = Candidate((0, 2, 5), ft.Lagrange(1)), Candidate((0, 4), ft.FoCa(0.5))
    judge = judge_of(pipe, made, memory)
    found = [judge.error(one), judge.error(other)]
    expected = []
    for candidate in (one, other):
        with ft.accelerate(pipe, candidate.method(ft.PerModel())):
            errors = [relative_error(sample(pipe, c), r) for c, r in zip(made, judge.references, strict=True)]
        expected.append(float(np.mean([float(e) for error in errors for e in error])))
    assert found == pytest.approx(expected, rel=1e-9)
    assert judge.runs == 6
    again = judge_of(pipe, made, memory)
    with counted(pipe) as seen:
        assert [judge.error(one), judge.error(other)] == found
        assert [again.error(one), again.error(other)] == found
    assert (seen, judge.runs, again.runs) == ([], 6, 0)
    assert len(memory.read_text().splitlines()) == 6


def test_a_verdict_that_was_cut_off_is_made_again(tmp_path: Path) -> None:
    pipe, made, memory = tiny(), calls(2), tmp_path / "verdicts.jsonl"
    one = Candidate((0, 2, 5), ft.Lagrange(1))
    found = judge_of(pipe, made, memory).error(one)
    memory.write_text(memory.read_text()[:-9])
    again = judge_of(pipe, made, memory)
    assert again.error(one) == found
    assert again.runs == 1


def test_a_candidate_that_is_clearly_behind_is_given_up() -> None:
    """Only before the last call, and on the calls that both were judged on."""
    judge = judge_of(tiny(), calls(3))
    worse, rival = Candidate((0, 1), ft.Lagrange(1)), Candidate((0, 1, 2, 3, 4, 5, 6), ft.Lagrange(1))
    assert np.mean(judge.errors(worse, 0)) > BEHIND * np.mean(judge.errors(rival, 0))
    runs = judge.runs
    assert judge.error(worse, rival) == math.inf
    assert judge.runs == runs, "the first call was enough"
    assert judge.error(worse, rival, calls=1) == pytest.approx(np.mean(judge.errors(worse, 0)))
    assert judge.error(rival, worse) == judge.error(rival) == pytest.approx(mean_error(judge, rival))
    assert judge.error(worse) == judge.error(worse, worse) == pytest.approx(mean_error(judge, worse))


def mean_error(judge: Judge, candidate: Candidate) -> float:
    return float(np.mean([judge.errors(candidate, number) for number in range(len(judge.calls))]))


def test_runs_that_are_not_finite_lose_to_all_others() -> None:
    judge = judge_of(tiny(), calls(1))
    judge.references[0] = judge.references[0] * math.nan
    assert judge.error(Candidate((0, 4), ft.Reuse())) == 1e9


def test_a_candidate_is_known_by_steps_and_predictor() -> None:
    computed, predictor = (0, 2, 5), ft.Damped(ft.Lagrange(2), 0.75)
    keys = {
        Candidate(computed, predictor).key,
        Candidate((0, 2, 6), predictor).key,
        Candidate(computed, ft.Damped(ft.Lagrange(2), 0.7)).key,
        Candidate(computed, ft.Lagrange(2)).key,
    }
    assert len(keys) == 4
    assert Candidate(computed, ft.Damped(ft.Lagrange(2), 0.75)).key in keys
    method = Candidate(computed, predictor).method(ft.PerStack())
    assert method.schedule.table(STEPS) == [0, 2, 5]
    assert json.dumps(sorted(keys))
