"""`tune`, end to end: what it hands out is measured, and no worse than a uniform stride."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import foretrace as ft
from foretrace.errors import InvalidSetting, NoGain
from foretrace.offline.judge import Candidate
from foretrace.offline.progress import silent
from foretrace.offline.proposal import even_schedules, uniform
from foretrace.offline.sampling import relative_error, sample
from foretrace.offline.search import Found
from foretrace.offline.tune import as_profile
from foretrace.offline.tuner import Tuner, prepare
from offline.common import STEPS, calls, counted, shapes, tiny

TWO = (ft.Lagrange(1), ft.Lagrange(2))


@pytest.fixture(scope="module")
def tuner() -> Tuner:
    return prepare(tiny(), calls(3), predictors=TWO, probes=3)


def error(pipe: Any, method: ft.Method, made: list[dict[str, Any]]) -> float:
    """Mean relative L2 of the final latents, over all samples."""
    found = []
    for call in made:
        reference = sample(pipe, call)
        with ft.accelerate(pipe, method):
            found += relative_error(sample(pipe, call), reference).tolist()
    return sum(found) / len(found)


def test_end_to_end_on_a_trained_model(tmp_path: Path) -> None:
    pipe, made = shapes(), calls(3, batch=1)
    found = ft.tune(pipe, made, computed_steps=4, minutes=0.02, predictors=TWO, folder=tmp_path)
    measured = found.measured
    assert measured["samples"] == [2, 1]
    computed = measured["computed"]
    assert len(computed) == 4
    assert found.method.schedule == ft.Mask(computed)
    assert measured["held_out_error"] <= measured["uniform_held_out_error"]
    gain = measured["uniform_held_out_error"] / measured["held_out_error"]
    assert measured["gain"]["value"] == pytest.approx(gain)
    assert measured["held_out_error"] == pytest.approx(error(pipe, found.method, made[2:]), rel=1e-6)
    assert measured["search_error"] == pytest.approx(error(pipe, found.method, made[:2]), rel=1e-6)
    mask, predictor = measured["uniform"]
    assert mask in even_schedules(STEPS, 4)
    even = ft.Method(ft.Mask(mask), next(p for p in TWO if str(p) == predictor))
    assert measured["uniform_held_out_error"] == pytest.approx(error(pipe, even, made[2:]), rel=1e-6)
    path = found.save(tmp_path / "profile.safetensors")
    with ft.accelerate(pipe, profile=path) as run:
        sample(pipe, made[0])
    assert run.report.computed == computed


def test_a_search_that_was_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    pipe, made = tiny(), calls(3)
    how: dict[str, Any] = {"computed_steps": 4, "minutes": 0.0, "folder": tmp_path}
    first = ft.tune(pipe, made, **how)
    with counted(pipe) as seen:
        again = ft.tune(pipe, made, **how)
    assert seen == []
    timing = {"seconds", "runs"}
    assert {k: v for k, v in again.measured.items() if k not in timing} == {
        k: v for k, v in first.measured.items() if k not in timing
    }
    assert again.method == first.method


@pytest.mark.parametrize(
    ("goal", "count"),
    [
        ({"speedup": 2.0}, 4),
        ({"speedup": 8}, 1),
        ({"speedup": 3.0}, 3),
        ({"computed_steps": 5}, 5),
        ({"max_error": 1e9}, 2),
    ],
)
def test_goals_are_numbers_of_computed_steps(goal: dict[str, Any], count: int) -> None:
    pipe, made = tiny(), calls(2)
    found = ft.tune(pipe, made, minutes=0.0, predictors=TWO[:1], **goal)
    assert len(found.measured["computed"]) == count
    with ft.accelerate(pipe, profile=found) as run:
        sample(pipe, made[0])
    assert len(run.report.computed) == count


def test_the_fewest_steps_that_hold_an_error_are_found(tuner: Tuner) -> None:
    """No more than are known to hold it; and where none do, that is said."""
    pipe, how = tuner.judge.pipe, {"minutes": 0.0, "predictors": TWO}
    made = [*tuner.judge.calls, *tuner.held_out.calls]
    limit = tuner.search(4, 0.0, 0, silent).held_out
    found = ft.tune(pipe, made, max_error=limit * 1.0001, **how).measured
    assert found["held_out_error"] <= limit * 1.0001
    assert len(found["computed"]) <= 4
    with pytest.raises(NoGain, match=r"no schedule with 4 or fewer of 8 computed steps has an error of 0 "):
        ft.tune(pipe, made, max_error=0.0, **how)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({}, "got no goal; expected one of speedup, computed_steps and max_error"),
        ({"speedup": 2.0, "computed_steps": 4}, "got speedup, computed_steps; expected one"),
        ({"speedup": 0.5}, "speedup got 0.5; expected a number from 1"),
        ({"computed_steps": 0}, "computed_steps got 0; expected an integer >= 1"),
        ({"computed_steps": 2.5}, "computed_steps got 2.5"),
        ({"max_error": -1.0}, "max_error got -1.0"),
        ({"speedup": 2.0, "minutes": -1.0}, "minutes got -1.0"),
        ({"speedup": 2.0, "held_out": 2}, "held_out got 2; expected a number from 1 to 1"),
        ({"speedup": 2.0, "predictors": ()}, "predictors got none"),
        ({"speedup": 2.0, "granularity": "layer"}, "granularity got 'layer'"),
        ({"speedup": 2.0, "calls": calls(1)}, "calls got 1; expected at least 2"),
    ],
)
def test_bad_goals_are_refused_before_any_run(how: dict[str, Any], told: str) -> None:
    pipe = tiny()
    with counted(pipe) as seen, pytest.raises(InvalidSetting, match=told):
        ft.tune(pipe, how.pop("calls", calls(2)), **how)
    assert seen == []


@pytest.mark.parametrize("goal", [{"speedup": 9.0}, {"computed_steps": 9}])
def test_more_than_there_are_steps_is_refused(goal: dict[str, Any]) -> None:
    with pytest.raises(
        InvalidSetting, match=r"(speedup|computed_steps) got 9.*; expected a number from 1 to 8"
    ):
        ft.tune(tiny(), calls(2), minutes=0.0, **goal)


def test_what_does_not_carry_over_is_not_handed_out(tuner: Tuner) -> None:
    reference, uniform_error = tuner.best_uniform(3)
    other = Candidate((0, 1, 2), ft.Reuse())
    lucky = Found(other, error=0.0, held_out=uniform_error + 1e-9)
    profile = as_profile(tuner, lucky, 3)
    assert profile.method.schedule == ft.Mask(reference.computed)
    assert profile.measured["computed"] == list(reference.computed)
    assert profile.measured["held_out_error"] == uniform_error
    assert profile.measured["search_error"] == tuner.judge.error(reference)
    assert profile.measured["gain"]["value"] == 1.0
    assert lucky.candidate == other, "what was found is not changed"
    better = replace(lucky, candidate=other, held_out=uniform_error - 1e-9)
    assert as_profile(tuner, better, 3).method.schedule == ft.Mask((0, 1, 2))


def test_the_best_uniform_is_chosen_on_other_calls_than_it_is_judged_on(tuner: Tuner) -> None:
    for count in (1, 3, STEPS):
        best, held_out = tuner.best_uniform(count)
        assert list(best.computed) in even_schedules(STEPS, count)
        assert held_out == tuner.held_out.error(best)
        assert all(tuner.judge.error(best) <= tuner.judge.error(Candidate(best.computed, p)) for p in TWO)
    assert not set(tuner.judge.digests) & set(tuner.held_out.digests)


def test_seeds_begin_with_uniform_ones(tuner: Tuner) -> None:
    seeds = tuner.seeds(3)
    assert seeds[:2] == [Candidate(tuple(uniform(STEPS, 3)), p) for p in TWO]
    assert len(set(seeds)) == len(seeds)
    assert all(len(one.computed) == 3 for one in seeds)


def test_every_granularity_may_be_tuned() -> None:
    pipe = tiny()
    found = ft.tune(pipe, calls(2), speedup=2.0, minutes=0.0, granularity="stack:residual", predictors=TWO)
    assert found.method.granularity == ft.PerStack(store="residual")
    with ft.accelerate(pipe, profile=found):
        assert torch.isfinite(sample(pipe, calls(1)[0])).all()
