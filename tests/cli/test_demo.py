"""The embedded model: it loads offline, draws what it is asked for, and the demo runs on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiTPipeline
from PIL import Image
from typer.testing import CliRunner

import foretrace as ft
from foretrace.cli import app
from foretrace.demo.classifier import load_classifier
from foretrace.demo.compare import psnr, relative_l2
from foretrace.demo.references import EMBEDDED


@pytest.fixture(scope="module")
def pipe() -> Any:
    pipe = ft.reference("shapes-dit")
    pipe.set_progress_bar_config(disable=True)
    return pipe


def draw(pipe: Any, labels: list[int], steps: int) -> torch.Tensor:
    generators = [torch.Generator().manual_seed(i) for i in labels]
    return pipe(labels, 3.0, generators, steps, output_type="pt").images


def test_it_is_a_stock_pipeline_of_at_most_12_megabytes(pipe: Any) -> None:
    assert type(pipe) is DiTPipeline
    assert pipe.get_label_ids(["star", "circle"]) == [5, 0]
    assert sum(p.stat().st_size for p in EMBEDDED.rglob("*.safetensors")) <= 12e6


def test_it_draws_what_it_is_asked_for(pipe: Any) -> None:
    named = load_classifier().predict(draw(pipe, list(range(12)), 12))
    assert int((named == torch.arange(12)).sum()) >= 11


def test_forecasting_stays_closer_than_reuse(pipe: Any) -> None:
    labels = [0, 3, 5, 9]
    uncached, apart = draw(pipe, labels, 50), {}
    for name in ("fora", "tracache"):
        with ft.accelerate(pipe, name, interval=3, granularity="stack") as run:
            images = draw(pipe, labels, 50)
        assert len(run.report.computed) == 18
        apart[name] = relative_l2(images, uncached)
        assert psnr(images, uncached) > 15
    assert 0 < apart["tracache"] < apart["fora"] < 0.5


def test_the_demo_compares_and_says_where(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    words = ["demo", "--out", str(out), "--samples", "3", "--steps", "8", "--rounds", "1"]
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert str(out / "demo.png") in result.output.replace("\n", "")
    rows = json.loads((out / "demo.json").read_text())["rows"]
    assert [row["label"] for row in rows] == [
        "uncached", "fora, k=3", "fora, k=5", "tracache, k=3", "tracache, k=5", "tracache*, k=3",
        "tracache*, k=5",
    ]  # fmt: skip
    assert rows[0]["relative_l2"] == 0
    for row in rows[1:]:
        assert row["computed_steps"] == ft.Stride(int(row["label"][-1]), "last").table(8)
        assert 0 < row["macs"] < row["macs_full"] == rows[0]["macs"]
        assert 0 < row["relative_l2"] < 1
    with Image.open(out / "demo.png") as picture:
        assert picture.size[0] > 3 * 64
