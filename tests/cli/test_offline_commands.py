"""foretrace tune and calibrate, on the embedded model with a few steps and samples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import foretrace as ft
from cli.test_commands import invoke, refused
from foretrace.cli.calls import build_calls
from foretrace.offline.sampling import sample
from offline.common import shapes, tiny

SMALL = ("--model", "shapes-dit", "--steps", 4, "--guidance", 1.0, "--device", "cpu")


def call(guidance: float) -> dict:
    return {
        "class_labels": [0], "guidance_scale": guidance, "num_inference_steps": 4,
        "generator": torch.Generator().manual_seed(0),
    }  # fmt: skip


def test_tune_saves_a_profile_that_works(tmp_path: Path) -> None:
    words = ("--samples", 2, "--batch", 1, "--minutes", 0.0, "--out", tmp_path)
    result = invoke("tune", *SMALL, "--computed", 2, *words)
    assert result.exit_code == 0, result.output
    path = tmp_path / "profile.safetensors"
    assert f"use it: ft.accelerate(pipe, profile='{path}')" in result.output
    profile = ft.Profile.load(path)
    assert len(profile.measured["computed"]) == 2
    assert f"{profile.measured['held_out_error']}" in result.output
    with ft.accelerate(shapes(), profile=path) as run:
        sample(shapes(), call(1.0))
    assert run.report.computed == profile.measured["computed"]
    verdicts = (tmp_path / "verdicts.jsonl").read_text()
    again = invoke("tune", *SMALL, "--speedup", 2, *words)
    assert again.exit_code == 0, again.output
    assert (tmp_path / "verdicts.jsonl").read_text() == verdicts, "a run was made twice"


def test_factors_are_fitted_unless_left_out(tmp_path: Path) -> None:
    words = (*SMALL, "--computed", 2, "--samples", 2, "--batch", 1, "--minutes", 0.02)
    for flag, fitted in (("--factors", True), ("--no-factors", False)):
        result = invoke("tune", *words, flag, "--out", tmp_path / flag)
        assert result.exit_code == 0, result.output
        tried = (tmp_path / flag / "verdicts.jsonl").read_text()
        profile = ft.Profile.load(tmp_path / flag / "profile.safetensors")
        assert ("fitting (s)" in result.output) == fitted, result.output
        assert fitted or not isinstance(profile.method.predictor, ft.ScaledLagrange)
        assert tried


def test_a_curve_saves_a_profile_for_each_point(tmp_path: Path) -> None:
    words = ("--samples", 2, "--batch", 1, "--minutes", 0.0, "--out", tmp_path)
    result = invoke("tune", *SMALL, "--pareto", "2,3", *words)
    assert result.exit_code == 0, result.output
    points = json.loads((tmp_path / "pareto.json").read_text())
    assert [point["computed"] for point in points] == [2, 3]
    for point in points:
        profile = ft.Profile.load(tmp_path / f"profile-{point['computed']}.safetensors")
        assert profile.measured["held_out_error"] == point["tuned"] <= point["uniform"]
        assert f"{point['tuned']:.4f}" in result.output
    assert (tmp_path / "pareto.png").is_file()


def test_calibrate_saves_a_profile_that_works(tmp_path: Path) -> None:
    """A weak class-pooled shift helps reuse on the embedded model."""
    words = ("--samples", 4, "--batch", 2, "--set", "interval=2", "--variant", "shift", "--pool", "class")
    result = invoke("calibrate", *SMALL, *words, "--window", "0,1", "--alpha", "0.1", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    path = tmp_path / "profile.safetensors"
    assert f"saved {path}" in result.output
    profile = ft.Profile.load(path)
    assert profile.measured["held_out_error"] < profile.measured["uncorrected_error"]
    assert profile.method.calibrator.steps == tuple(profile.measured["targets"])
    with ft.accelerate(shapes(), profile=path) as run:
        sample(shapes(), call(1.0))
    assert run.report.skipped == profile.measured["targets"]


def test_a_calibration_that_does_not_help_says_so(tmp_path: Path) -> None:
    words = ("--samples", 2, "--batch", 1, "--variant", "shift", "--alpha", "0", "--out", tmp_path)
    assert "expected less than without" in refused("calibrate", *SMALL, "--window", "0,1", *words)
    assert not list(tmp_path.iterdir())
    forced = invoke("calibrate", *SMALL, "--window", "0,1", *words, "--force")
    assert forced.exit_code == 0, forced.output
    profile = ft.Profile.load(tmp_path / "profile.safetensors")
    assert profile.measured["held_out_error"] == profile.measured["uncorrected_error"]


@pytest.mark.parametrize("named", [True, False], ids=["names", "numbers"])
def test_samples_do_not_depend_on_the_batch(named: bool) -> None:
    """Sample i has class i in turn and noise of its own; a model without names counts its classes."""
    pipe = shapes() if named else tiny()
    split, whole = (build_calls(pipe, [], 7, batch, 4, 5, {}) for batch in (3, 7))
    assert [len(call["generator"]) for call in split] == [3, 3, 1]
    for name, of in (("class_labels", int), ("generator", torch.Generator.initial_seed)):
        assert [of(x) for call in split for x in call[name]] == [of(x) for x in whole[0][name]]
    assert [x.initial_seed() for x in whole[0]["generator"]] == list(range(5, 12))
    classes = list(pipe.labels.values()) if named else [0, 1, 2, 3]
    assert whole[0]["class_labels"] == [classes[i % len(classes)] for i in range(7)]
    chosen = build_calls(pipe, ["3", "1"], 3, 2, 4, 0, {})
    assert [call["class_labels"] for call in chosen] == [[3, 1], [3]]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "got no goal; expected one of speedup, computed_steps and max_error"),
        (("--speedup", 2, "--computed", 3), "got speedup, computed_steps; expected one"),
        (("--speedup", 0.5), "speedup got 0.5; expected a number from 1"),
        (("--pareto", "abc"), "--pareto got 'abc'; expected numbers split by commas"),
        (("--pareto", "2,3", "--max-error", 0.1), "got --pareto and another goal; expected one"),
        (("--speedup", 2, "--prompt", "sun"), "class 'sun'; expected one of"),
        (("--speedup", 2, "--pass", "promt=cat"), "takes no argument 'promt'"),
        (("--speedup", 2, "--samples", 1), "Invalid value for '--samples'"),
        (("--speedup", 2, "--samples", 2, "--batch", 4), "calls got 1; expected at least 2"),
    ],
)
def test_bad_goals_are_refused_before_any_run(words: tuple, told: str, tmp_path: Path) -> None:
    assert told in refused("tune", *SMALL, *words, "--out", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--method", "tracash"), "no method 'tracash'"),
        (("--alpha", "much"), "--alpha got 'much'; expected numbers split by commas"),
        (("--window", "0"), "--window got '0'; expected 2 numbers"),
        (("--variant", "half"), "variant got 'half'; expected one of 'full'"),
    ],
)
def test_bad_calibrations_are_refused_before_any_run(words: tuple, told: str, tmp_path: Path) -> None:
    assert told in refused("calibrate", *SMALL, *words, "--out", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["tune", "calibrate"])
def test_missing_files_and_folders_are_refused(command: str, tmp_path: Path) -> None:
    goal = ("--speedup", 2) if command == "tune" else ()
    missing = refused(command, *SMALL, *goal, "--prompts", tmp_path / "no.txt", "--out", tmp_path)
    assert f"there is no file {tmp_path / 'no.txt'}; expected one with a prompt a line" in missing
    (tmp_path / "file").write_text("")
    assert "cannot write to" in refused(command, *SMALL, *goal, "--out", tmp_path / "file")
    assert "no folder" in refused(command, "--model", tmp_path / "nothing", *goal, "--out", tmp_path / "out")


def test_fit_saves_a_profile_that_works(tmp_path: Path) -> None:
    words = ("--samples", 2, "--batch", 1, "--method", "magcache", "--set", "retention=0.0", "--force")
    result = invoke("fit", *SMALL, *words, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    path = tmp_path / "profile.safetensors"
    assert f"use it: ft.accelerate(pipe, profile='{path}')" in result.output
    profile = ft.Profile.load(path)
    assert len(profile.method.gate.ratios[0]) == 4
    with ft.accelerate(shapes(), profile=path) as run:
        sample(shapes(), call(1.0))
    assert run.report.computed[0] == 0
    assert "has nothing to fit" in refused("fit", *SMALL, "--method", "easycache", "--out", tmp_path)
