"""``foretrace bench --table`` end to end on shapes-dit, in as few steps as will do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from foretrace.bench.bench import RESULTS
from foretrace.bench.entries import Entry
from foretrace.bench.fits import fitted
from foretrace.bench.published import COST, LATENCY, QUALITIES, PaperRow
from foretrace.bench.report import build_report
from foretrace.bench.rows import Row, read_rows
from foretrace.bench.sampling import call_pipeline
from foretrace.bench.spec import make_spec
from foretrace.bench.subject import load_subject, make_calls
from foretrace.bench.tables import available_tables, load_table
from foretrace.cli import app
from foretrace.demo import references
from foretrace.offline.progress import silent

TABLE = load_table("tracache-3")
SMALL = tuple("--steps 7 --samples 1 --batch 1 --rounds 1 --device cpu --metrics psnr,task".split())


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, ["bench", *map(str, words)], env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("table")


@pytest.fixture(scope="module")
def printed(out: Path) -> str:
    result = invoke("--table", TABLE.name, *SMALL, "--out", out)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def rows(printed: str, out: Path) -> dict[str, Row]:
    return {row.label: row for row in read_rows(out / RESULTS)}


def test_every_row_of_the_paper_is_there_and_says_whose_it_is(printed: str) -> None:
    lines = printed.splitlines()
    for row in TABLE.rows:
        told = (f"{row.label} ", "published", f"{row.values[2]:g}")
        at = next(i for i, line in enumerate(lines) if all(word in line for word in told))
        assert "ours" in lines[at + 1] and "published" not in lines[at + 1]
    for told in ("Not measured here", "Another model, of this project", str(TABLE.source), "shapes-dit"):
        assert told in " ".join(printed.split())


def test_published_numbers_are_never_ours(rows: dict[str, Row]) -> None:
    papers = {column for column, (_, ours) in QUALITIES.items() if ours != column} | {*COST, LATENCY}
    for row in rows.values():
        assert not papers & row.quality.keys()
        assert not row.published or row.published["table"] == TABLE.name
    for paper in TABLE.rows:
        row = rows[paper.key[1]]
        assert row.published["values"] == dict(zip(TABLE.columns, paper.values, strict=True))
        assert row.published["row"] == paper.label
        if row.status == "not run":
            assert row.latency is None and row.efficiency is None
            assert not (row.quality or row.macs or row.computed or row.pictures or row.trajectory)


def test_rows_that_are_not_run_say_why(rows: dict[str, Row], printed: str) -> None:
    reasons = {label: row.reason for label, row in rows.items() if row.status == "not run"}
    assert {row.label for row in TABLE.rows if row.not_run} <= reasons.keys()
    assert {"fewer-steps-20", "deis-20"} <= reasons.keys()  # of 7 steps there are no 20
    for label, reason in reasons.items():
        assert reason and f"{label}: not run" in printed


def test_it_goes_on_where_it_was(rows: dict[str, Row], out: Path) -> None:
    path = out / RESULTS
    before = path.read_text()
    kept = [line for line in before.splitlines() if json.loads(line)["label"] != "fora:interval=3"]
    path.write_text("\n".join(kept) + "\n")
    assert invoke("--table", TABLE.name, *SMALL, "--out", out).exit_code == 0
    after = path.read_text().splitlines()
    assert after[:-1] == kept
    again = json.loads(after[-1])
    assert (again["label"], again["published"]) == ("fora:interval=3", rows["fora:interval=3"].published)


def test_the_report_shows_both_apart(rows: dict[str, Row], out: Path) -> None:
    build_report(out / RESULTS, out / "report")
    page = (out / "report" / "report.html").read_text()
    assert "published FID" in page and "not measured here" in page and "not run" in page
    (group,) = json.loads((out / "report" / "report.json").read_text())
    drawn = {point["row"] for plot in group["plots"] for point in plot["points"]}
    absent = {i for i, row in enumerate(group["rows"]) if row["status"] == "not run"}
    assert absent and not absent & drawn


@pytest.mark.parametrize("words", [("--table", "list"), ("--table",), ("--table", "--seed", "3")])
def test_without_a_name_it_lists_the_tables(words: tuple[str, ...]) -> None:
    result = invoke(*words)
    assert result.exit_code == 0
    for name, table in available_tables().items():
        assert name in result.output and table.title in result.output


def test_an_unknown_name_is_answered_with_the_tables() -> None:
    result = invoke("--table", "tracache-9")
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert "got 'tracache-9'" in result.output
    assert all(name in result.output for name in available_tables())


def test_a_reference_model_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(references, "CHECKOUT", tmp_path)
    monkeypatch.setattr(references, "_from_hub", lambda name: None)
    result = invoke("--table", "foca-flux", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "the files of shapes-flow are missing" in " ".join(result.output.split())


def test_distances_are_measured_on_an_uncached_run(tmp_path: Path) -> None:
    result = invoke("--table", "tracache-5", *SMALL, "--steps", 50, "--samples", 1, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    four, five = read_rows(tmp_path / RESULTS)
    assert four.quality.keys() == five.quality.keys() == {"mse_44", "mse_28", "mse_6"}
    assert all(five.quality[name].value > four.quality[name].value > 0 for name in four.quality)


def test_ddpm_noises_are_paired() -> None:
    subject = load_subject("shapes-dit", "cpu", "auto", sampler="ddpm")
    spec = make_spec({"model": "shapes-dit", "sampler": "ddpm", "steps": 3, "samples": 1})
    (call,) = make_calls(subject.pipe, subject.task, spec)
    first, _, second = (call_pipeline(subject.pipe, call).images for _ in (0, torch.rand(1), 0))
    assert torch.equal(first, second)


def test_a_row_is_fitted_once_and_on_other_noises(tmp_path: Path) -> None:
    subject = load_subject("shapes-dit", "cpu", "auto")
    spec = make_spec({"model": "shapes-dit", "steps": 6, "samples": 2, "out": tmp_path, "device": "cpu"})
    row = PaperRow(
        "FORA + TCC", (1.0,), Entry("method", "fora + TCC", "fora", {"interval": 3}),
        fit={"variant": "shift", "alpha": 0.5, "window": (0.0, 0.6)},
    )  # fmt: skip
    entry = fitted(row, spec, subject, silent)
    assert entry.profile is not None and (entry.kind, entry.label) == row.key
    written = entry.profile.stat().st_mtime_ns
    assert fitted(row, spec, subject, silent) == entry
    assert entry.profile.stat().st_mtime_ns == written
