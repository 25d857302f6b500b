"""Factors fitted gap by gap: the equations by themselves, and schedules of real pipelines."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import foretrace as ft
from foretrace.offline.factors import factors_of
from foretrace.offline.gap_fit import GapFitter, solve
from foretrace.offline.polish import by_gaps
from foretrace.offline.progress import silent
from foretrace.offline.search import Clock
from foretrace.offline.tune import as_profile
from foretrace.offline.tuner import Tuner, prepare
from offline.common import STEPS, calls, counted, shapes, tiny

MASKS = [(0, 3, 5), (0, 2, 4), (0, 1, 4)]
factors = st.lists(st.floats(-3, 3), min_size=1, max_size=3)


def grams(wanted: list[float], samples: int, seed: int, noise: float = 0.0) -> Tensor:
    """Of samples that miss what ``wanted`` would add, but for noise."""
    draw = torch.Generator().manual_seed(seed)
    moves = torch.randn(samples, len(wanted), 40, generator=draw, dtype=torch.float64)
    missed = torch.einsum("spd,p->sd", moves, torch.tensor(wanted, dtype=torch.float64))
    missed += noise * torch.randn(samples, 40, generator=draw, dtype=torch.float64)
    z = torch.cat([moves, missed[:, None]], dim=1)
    return z @ z.mT


@given(factors, st.integers(1, 6), st.integers(0, 99))
def test_what_is_missed_is_found(wanted: list[float], samples: int, seed: int) -> None:
    assert solve(grams(wanted, samples, seed)) == pytest.approx(wanted, rel=1e-2, abs=1e-2)


@given(factors, st.integers(0, 99))
def test_no_step_is_better_than_a_worse_one(wanted: list[float], seed: int) -> None:
    """The mean of norms falls, up to the floor and the damping."""
    seen = grams(wanted, 5, seed, noise=1.0)
    found = torch.tensor([*(-x for x in solve(seen)), 1.0], dtype=torch.float64)
    after = torch.einsum("spq,p,q->s", seen, found, found).clamp(min=0).sqrt()
    assert float(after.mean()) <= 1.02 * float(seen[:, -1, -1].sqrt().mean())


def test_a_sample_that_turned_into_another_does_not_decide() -> None:
    seen = grams([1.0, -0.5], 9, 0, noise=0.05)
    other = grams([40.0, 70.0], 1, 1, noise=40.0)
    assert solve(torch.cat([seen, other])) == pytest.approx([1.0, -0.5], abs=0.1)


def test_what_is_not_finite_or_has_no_effect_says_nothing() -> None:
    seen = grams([1.0, -0.5], 4, 0)
    broken = torch.full((1, 3, 3), math.nan, dtype=torch.float64)
    assert solve(torch.cat([broken, seen])) == solve(seen)
    assert solve(broken) == [0.0, 0.0]
    still = torch.diag_embed(torch.tensor([[1e-18, 1e-18, 1.0]] * 3, dtype=torch.float64))
    still[:, 0, 2] = still[:, 2, 0] = 1e-9
    assert solve(still) == pytest.approx([0.0, 0.0], abs=20.0), (
        "least squares alone would say a thousand million"
    )


def tuner_of(pipe: Any, made: list[Any], **how: Any) -> Tuner:
    return prepare(pipe, made, predictors=(ft.Lagrange(1), ft.Lagrange(2)), probes=0, **how)


@pytest.fixture(scope="module")
def tuner() -> Tuner:
    return tuner_of(tiny(), calls(4), held_out=1)


def endless() -> Clock:
    return Clock(math.inf)


@pytest.mark.parametrize("name", ["dit", "flux", "wan"])
def test_a_fit_lowers_the_error_and_costs_a_run_a_round(name: str) -> None:
    found = tuner_of(tiny(name), calls(3, name), held_out=1, together=1)
    fitter = GapFitter(found.judge, found.recording)
    begun = [fitter.start(mask) for mask in MASKS]
    before = [found.judge.error(one) for one in begun]
    runs = found.judge.runs
    fitted = fitter.fit(begun, endless())
    assert found.judge.runs - runs == 3 * len(MASKS) * len(found.judge.calls)
    assert fitter.possible
    for start, (error, candidate) in zip(before, fitted, strict=True):
        assert error == found.judge.error(candidate) <= start
    assert sum(error for error, _ in fitted) < 0.97 * sum(before)


def test_on_a_trained_model_it_is_ahead_of_every_order() -> None:
    pipe = shapes()
    made = [
        {
            "class_labels": [4 * i + j for j in range(4)],
            "num_inference_steps": 50,
            "guidance_scale": 3.0,
            "generator": [torch.Generator().manual_seed(4 * i + j) for j in range(4)],
        }
        for i in range(3)
    ]
    found = tuner_of(pipe, made, held_out=1)
    mask = (0, 7, 13, 17, 23, 27, 37, 46)
    fitter = GapFitter(found.judge, found.recording)
    ((error, candidate),) = fitter.fit([fitter.start(mask)], endless())
    orders = [ft.Reuse(), ft.Lagrange(1), ft.Lagrange(2)]
    plain = [replace(candidate, predictor=one) for one in orders]
    assert error < 0.8 * min(found.judge.error(one) for one in plain)
    assert found.held_out.error(candidate) < min(found.held_out.error(one) for one in plain)


def test_what_comes_out_is_the_best_on_held_out_calls(tuner: Tuner) -> None:
    fitter = GapFitter(tuner.judge, tuner.recording)
    found = by_gaps([fitter.start((0, 1, 2))], fitter, tuner.held_out, endless())
    assert found is not None
    assert found.held_out == tuner.held_out.error(found.candidate)
    assert found.held_out == min(step["held_out"] for step in found.path)
    errors = [step["error"] for step in found.path]
    assert errors == sorted(errors, reverse=True) and len(errors) > 1
    assert len(found.candidate.computed) == 3


def test_the_profile_says_how_factors_were_fitted(tuner: Tuner) -> None:
    searched = replace(tuner, factors=False).search(3, 0.0, 0, silent)
    fitted = tuner.fit(searched, time.monotonic() + 2.0, silent)
    assert fitted.held_out <= searched.held_out
    assert as_profile(tuner, fitted, 3).measured["by_gaps"]


def test_without_time_there_is_no_fit(tuner: Tuner) -> None:
    fitter = GapFitter(tuner.judge, tuner.recording)
    with counted(tuner.judge.pipe) as seen:
        assert by_gaps([*map(fitter.start, MASKS)], fitter, tuner.held_out, Clock(0.0)) is None
    assert seen == []


def test_a_few_calls_correct_without_the_others(tuner: Tuner) -> None:
    fitter, begun = GapFitter(tuner.judge, tuner.recording), tuner.judge.runs
    start = fitter.start(MASKS[0])
    (moved,) = fitter.corrected([start], endless(), calls=1)
    assert tuner.judge.runs - begun == 1
    assert moved.computed == start.computed
    assert factors_of(moved, STEPS) != factors_of(start, STEPS)


def test_paths_are_recorded_for_factors_at_the_output_only() -> None:
    pipe, made = tiny(), calls(2)
    assert tuner_of(pipe, made).recording.path_length == STEPS
    for how in ({"factors": False}, {"granularity": "stack"}):
        without = tuner_of(pipe, made, **how)
        assert without.recording.path_length == 0
        assert not GapFitter(without.judge, without.recording).possible


def test_a_pipeline_that_is_not_explained_is_fitted_by_whole_runs() -> None:
    pipe = tiny()
    plain = pipe.scheduler.step

    def louder(model_output: Tensor, timestep: Any, *args: Any, **kwargs: Any) -> Any:
        return plain(model_output * (1.0 + 0.02 * float(timestep)), timestep, *args, **kwargs)

    pipe.scheduler.step = louder
    found = tuner_of(pipe, calls(3), held_out=1)
    fitter = GapFitter(found.judge, found.recording)
    assert by_gaps([*map(fitter.start, MASKS)], fitter, found.held_out, endless()) is None
    assert not fitter.possible
    uncorrected = [fitter.start(mask) for mask in MASKS]
    assert fitter.corrected(uncorrected, endless()) == uncorrected
    searched = replace(found, factors=False).search(3, 0.0, 0, silent)
    fitted = found.fit(searched, time.monotonic() + 3.0, silent)
    assert fitted.held_out <= searched.held_out
    assert len(fitted.path) > len(searched.path), "whole runs were compared"
    assert not fitted.by_gaps and not as_profile(found, fitted, 3).measured["by_gaps"]
