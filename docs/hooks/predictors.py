"""Writes the page `predictors.md` from `benchmarks/results` while the documentation is built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
MODELS = {
    "shapes-dit": "predictors.jsonl",
    "shapes-t2i": "predictors_shapes_t2i.jsonl",
    "shapes-video": "predictors_shapes_video.jsonl",
}
HEAD = """# Every forecast, measured

Each predictor on the same stride, at the output of the stack of blocks and at that of the denoiser, beside
the same sampler with as many steps. *L2* is the relative distance to the uncached samples of the same noises
and *PSNR* is in dB. *Kept* is the history of one sample in KiB, all its branches together. *Skipped* is the
median of skipped calls in milliseconds of wall time, for all samples together, on a busy machine: it says
which are dear, not by how much; `predictor_cost.jsonl` has that ([overhead](benchmarks.md#overhead)). The
best of each column is bold, where it beats fewer steps.

Written from `benchmarks/results/predictors*.jsonl`, which `python benchmarks/predictors.py` makes.
"""


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the generated page."""
    parts = [HEAD]
    for model, name in MODELS.items():
        if (RESULTS / name).is_file():
            lines = [json.loads(line) for line in (RESULTS / name).read_text().splitlines()]
            parts.append(_model(model, lines))
    files.append(File.generated(config, "predictors.md", content="\n".join(parts)))
    return files


def _model(model: str, lines: list[dict[str, Any]]) -> str:
    about = lines[0]
    samples = f"{about['samples']} sample{'s' * (about['samples'] > 1)}"
    parts = [f"## {model}\n\n{about['sampler']}, {about['steps']} steps, {samples}. `{about['command']}`\n"]
    shared = [line for line in lines if line.get("interval") and "own schedule" not in line["label"]]
    for interval in sorted({line["interval"] for line in shared}):
        parts.append(_interval(interval, [x for x in shared if x["interval"] == interval], lines))
    rest = [line for line in lines if "own schedule" in line["label"]]
    if rest:
        parts.append(_own(rest, lines))
    return "\n".join(parts)


def _fewer(count: int, lines: list[dict[str, Any]]) -> dict[str, Any]:
    return next(x for x in lines if x["label"] == "fewer steps" and x["computed"] == count)


def _interval(interval: int, rows: list[dict[str, Any]], lines: list[dict[str, Any]]) -> str:
    count, steps = rows[0]["computed"], lines[0]["steps"]
    control = _fewer(count, lines)
    columns = {"stack": {}, "model": {}}
    for row in rows:
        columns["model" if row["site"] == "model" else "stack"][row["label"]] = row
    best = {
        site: min([control["relative_l2"], *(row["relative_l2"] for row in found.values())])
        for site, found in columns.items()
    }
    text = [
        f"### {model_heading(interval, count, steps)}",
        "",
        "| predictor | stack: L2 | PSNR | kept | skipped | output: L2 | PSNR | kept | skipped |",
        "|---|" + "--:|" * 8,
        f"| **fewer steps** | {control['relative_l2']:.4f} | {control['psnr']:.1f} | - | - "
        f"| {control['relative_l2']:.4f} | {control['psnr']:.1f} | - | - |",
    ]
    for label in columns["stack"]:
        cells = [_cells(columns[site].get(label), best[site]) for site in ("stack", "model")]
        text.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join([*text, ""])


def model_heading(interval: int, count: int, steps: int) -> str:
    """Unique over models, since it becomes an anchor together with the step count."""
    return f"Interval {interval}: {count} of {steps} computed"


def _cells(row: dict[str, Any] | None, best: float) -> str:
    if row is None:
        return "- | - | - | -"
    distance = f"{row['relative_l2']:.4f}"
    if row["relative_l2"] <= best:
        distance = f"**{distance}**"
    kept = row["history_bytes"] / row["samples"] / 1024
    return f"{distance} | {row['psnr']:.1f} | {kept:.0f} | {row['skipped_ms']:.2f}"


def _own(rows: list[dict[str, Any]], lines: list[dict[str, Any]]) -> str:
    text = [
        "### The recipes as published",
        "",
        "| recipe | interval | site | computed | L2 | PSNR | kept | skipped | L2 with as many steps |",
        "|---|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        control = _fewer(row["computed"], lines)["relative_l2"]
        distance, psnr, kept, skipped = _cells(row, 0.0).split(" | ")
        name = row["label"].removesuffix(", own schedule")
        interval = row["interval"] or "grows"
        text.append(
            f"| {name} | {interval} | `{row['site']}` | {row['computed']} | {distance} | {psnr} | {kept} "
            f"| {skipped} | {control:.4f} |"
        )
    return "\n".join([*text, ""])
