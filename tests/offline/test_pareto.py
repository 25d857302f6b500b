"""The curve of error against computed steps."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from PIL import Image

import foretrace as ft
from foretrace.errors import InvalidSetting
from foretrace.offline.pareto import fewer_steps, pareto, save_pareto
from foretrace.offline.tuner import Tuner, prepare
from offline.common import STEPS, calls, latents, tiny

MADE = calls(3, "flux")


@pytest.fixture(scope="module")
def tuner() -> Tuner:
    return prepare(tiny("flux"), MADE, predictors=(ft.Lagrange(1),), probes=0)


@pytest.mark.parametrize("count", [1, 3, STEPS])
def test_fewer_steps_is_the_plain_pipeline_with_fewer(tuner: Tuner, count: int) -> None:
    call, pipe = MADE[-1], tuner.judge.pipe
    reference = latents(pipe, call).flatten(1)
    shorter = latents(pipe, call | {"num_inference_steps": count}).flatten(1)
    expected = float(((shorter - reference).norm(dim=1) / reference.norm(dim=1)).mean())
    assert fewer_steps(tuner, count) == pytest.approx(expected, rel=1e-5)
    assert (expected == 0) == (count == STEPS)


def test_every_point_is_its_profile(tuner: Tuner, tmp_path: Path) -> None:
    points, profiles = pareto(tuner, [2, 4], minutes=0.0)
    for count, point, profile in zip((2, 4), points, profiles, strict=True):
        assert point.computed == count == len(point.tuned_steps)
        assert profile.method.schedule == ft.Mask(point.tuned_steps)
        assert point.tuned == profile.measured["held_out_error"] <= point.uniform
        assert point.fewer_steps == fewer_steps(tuner, count)
        assert point.tuned_predictor == str(profile.method.predictor)
        assert profile.made_for["steps"] == STEPS
    table, picture = save_pareto(points, tmp_path)
    assert json.loads(table.read_text()) == [asdict(point) for point in points]
    with Image.open(picture) as image:
        assert min(image.size) > 100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pareto.json", "pareto.png"]


@pytest.mark.parametrize("count", [1, STEPS + 1])
def test_counts_beyond_the_run_are_refused(tuner: Tuner, count: int) -> None:
    with pytest.raises(InvalidSetting, match=f"counts got {count}; expected a number from 2 to 8"):
        pareto(tuner, [count], minutes=0.0)
