"""A small bench on shapes-dit: its laws, and that it goes on where it was cut off."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import foretrace as ft
from foretrace.bench import finish, runner
from foretrace.bench.bench import RESULTS
from foretrace.bench.quality.fidelity import relative_l2
from foretrace.bench.reason import reason_of
from foretrace.bench.rows import Row, read_rows
from foretrace.bench.runner import run_bench
from foretrace.bench.spec import Spec, make_spec
from foretrace.bench.subject import Subject, load_subject, make_calls
from foretrace.cli import app

STEPS = 6
ASKED = {
    "model": "shapes-dit", "samples": 4, "batch": 2, "steps": STEPS, "rounds": 2, "device": "cpu",
    "methods": ["fora:interval=1", "tracache:interval=3", "fora:granularity=module(nothing)"],
    "samplers": ["unipc"], "shown": 1,
}  # fmt: skip
FAILS = "fora:granularity=module(nothing)"


@pytest.fixture(scope="module")
def subject() -> Subject:
    return load_subject("shapes-dit", "cpu", "auto")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Spec:
    return make_spec({**ASKED, "out": tmp_path_factory.mktemp("bench")})


@pytest.fixture(scope="module")
def rows(subject: Subject, spec: Spec) -> Iterator[dict[str, Row]]:
    yield {row.label: row for row in run_bench(spec, subject)}


def pictures(subject: Subject, spec: Spec, **changed: Any) -> torch.Tensor:
    calls = make_calls(subject.pipe, subject.task, spec)
    images = [subject.pipe(**{**call, **changed}, output_type="pt").images for call in calls]
    return torch.cat(images).unsqueeze(1)


def test_every_row_is_there_in_its_kind(rows: dict[str, Row]) -> None:
    kinds = {label: row.kind for label, row in rows.items()}
    assert kinds == {
        "uncached": "uncached", "fora:interval=1": "method", "tracache:interval=3": "method", FAILS: "method",
        "fewer-steps-3": "fewer-steps", "unipc-3": "sampler",
    }  # fmt: skip
    assert len({(row.machine, row.setting) for row in rows.values()}) == 1


def test_computing_every_step_changes_nothing(rows: dict[str, Row]) -> None:
    row = rows["fora:interval=1"]
    assert row.quality["relative_l2"].value == 0
    assert row.quality["psnr"].value == math.inf
    assert row.quality["frechet"].value == pytest.approx(0, abs=1e-6)
    assert row.trajectory["error_by_step"] == [0] * STEPS
    assert row.trajectory["pca"]["cached"] == row.trajectory["pca"]["uncached"]
    assert row.latency is not None and math.isfinite(row.latency.speedup.value)
    assert row.macs["total"] == row.macs["nominal"] == row.macs_full["total"]


def test_a_method_is_counted_and_timed(rows: dict[str, Row]) -> None:
    row = rows["tracache:interval=3"]
    assert row.computed == ft.Stride(3, "last").table(STEPS)
    assert row.macs_full == {k: v for k, v in rows["uncached"].macs.items() if k != "nominal"}
    assert row.macs["nominal"] == round(len(row.computed) / STEPS * row.macs_full["total"])
    assert row.macs["nominal"] <= row.macs["total"] < row.macs_full["total"]
    assert row.macs["linear"] < row.macs["total"]
    assert row.latency is not None and len(row.latency.seconds) == 2
    assert row.efficiency == pytest.approx(row.latency.speedup.value * len(row.computed) / STEPS)
    assert row.history_bytes and row.history_bytes > 0
    skipped = STEPS - len(row.computed)
    assert len(row.trajectory["orders"]) == skipped
    assert row.trajectory["orders"][0] == 0
    assert 0 < row.quality["relative_l2"].value < 2
    assert 0 <= row.quality["class"].value <= 1
    assert row.about["missing"].keys() == {"lpips", "clip", "kid"}


def test_a_row_that_cannot_run_says_why(rows: dict[str, Row]) -> None:
    row = rows[FAILS]
    assert row.status == "failed"
    assert row.reason.startswith("UnsupportedModel")
    assert row.latency is None and not row.quality


def test_an_error_without_words_says_where_it_was_raised() -> None:
    try:
        raise AssertionError
    except AssertionError as error:
        assert reason_of(error).startswith("AssertionError in test_bench.py, test_an_error_without_words")
    assert reason_of(MemoryError("no room")) == "MemoryError: no room"


def test_the_control_is_a_direct_run(rows: dict[str, Row], subject: Subject, spec: Spec) -> None:
    row = rows["fewer-steps-3"]
    error = relative_l2(
        pictures(subject, spec, num_inference_steps=3)[:, None], pictures(subject, spec)[:, None]
    )
    assert row.quality["relative_l2"].value == pytest.approx(float(error.mean()), rel=1e-9)
    assert (row.steps, row.computed) == (3, [0, 1, 2])
    assert row.macs["total"] * 2 == rows["uncached"].macs["total"]
    assert type(subject.pipe.scheduler).__name__ == "DDIMScheduler"
    assert rows["unipc-3"].quality["relative_l2"].value != row.quality["relative_l2"].value


def test_pictures_lie_beside_the_rows(rows: dict[str, Row], spec: Spec) -> None:
    for row in rows.values():
        assert len(row.pictures) == (row.status == "ok")
        for name in row.pictures:
            with Image.open(spec.out / name) as picture:
                assert picture.size == (64, 64)


def test_it_goes_on_where_it_was_cut_off(
    rows: dict[str, Row], subject: Subject, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = spec.out / RESULTS
    before = path.read_text()
    with monkeypatch.context() as patch:
        patch.setattr(runner, "with_reference", lambda *_: pytest.fail("nothing is left to run"))
        assert [row.label for row in run_bench(spec, subject)] == list(rows)
    assert path.read_text() == before
    kept = [line for line in before.splitlines() if json.loads(line)["label"] != "unipc-3"]
    path.write_text("\n".join(kept) + "\n")
    again = {row.label: row for row in run_bench(spec, subject)}
    assert again["unipc-3"].quality["relative_l2"] == rows["unipc-3"].quality["relative_l2"]
    assert path.read_text().splitlines()[:-1] == kept


def test_the_uncached_samples_are_made_once(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = make_spec({**ASKED, "methods": [], "samplers": [], "rounds": 0, "shown": 0, "out": tmp_path})
    monkeypatch.setattr(finish, "call_pipeline", lambda *_: pytest.fail("the store has the samples"))
    (row,) = run_bench(alone, subject)
    assert row.status == "ok"
    assert row.samples == 4
    assert row.quality["relative_l2"].value == 0


def test_another_machine_or_setting_is_another_group(
    rows: dict[str, Row], subject: Subject, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    other = dataclasses.replace(spec, seed=9, methods=(), samplers=(), fewer_steps=(), samples=2, rounds=0)
    (found,) = run_bench(other, subject)
    assert found.setting != rows["uncached"].setting
    monkeypatch.setattr("platform.node", lambda: "elsewhere")
    (found,) = run_bench(other, subject)
    assert found.machine != rows["uncached"].machine
    assert len(read_rows(spec.out / RESULTS)) == len(rows) + 2


def test_the_command_reads_toml_and_prints_a_table(tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    file.write_text(
        f'model = "shapes-dit"\nsamples = 2\nbatch = 2\nsteps = 4\nrounds = 1\nout = "{tmp_path}/out"\n'
        'samplers = []\nreference = "other-seeds"\nmetrics = ["psnr", "kid", "task"]\ndevice = "cpu"\n'
        '[[methods]]\nname = "fora"\nsettings = { interval = 2 }\n'
    )
    result = CliRunner().invoke(app, ["bench", str(file), "--seed", "3"], env={"COLUMNS": "150"})
    assert result.exit_code == 0, result.output
    for word in ("fora:interval=2", "3/4", "fewer-steps-3", "uncached"):
        assert word in result.output
    rows = read_rows(tmp_path / "out" / RESULTS)
    assert all(set(row.quality) == {"psnr", "kid", "class"} for row in rows)
    assert rows[0].about["seeds"] == [3, 4]
