"""Writes the page `every-method.md` from the benches of every method while the documents are built."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
EDGES = (1.0, 0.45, 0.31, 0.25, 0.19, 0.0)
"""Shares of computed steps that part the tables: half, and about one step in 3, 4, 5 and more."""
TASKS = ("class", "attributes", "motion")
HEAD = """# Every method, measured

All methods, peers and controls on one model in one bench, in groups by how many steps were computed. *L2* is
the relative distance to the uncached samples of the same noises with its 95 % interval, *Fréchet* the
distance of the set of samples to uncached samples of other noises, in the features of the model's judge (the
uncached row's own is the floor), *task* the share in which the judge sees what was asked for, *faster* the
speed-up over the uncached run of the same round. **Bold** rows are the sampler with fewer steps. How many
steps a gate computes differs from batch to batch; the first batch's is shown.

Written from `benchmarks/results/every_method_*.jsonl`, which `python benchmarks/every_method.py` and
`foretrace bench` make.
"""


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the generated page."""
    parts = [HEAD]
    for path in sorted(RESULTS.glob("every_method_*.jsonl")):
        parts.append(_model([json.loads(line) for line in path.read_text().splitlines()]))
    files.append(File.generated(config, "every-method.md", content="\n".join(parts)))
    return files


def _model(rows: list[dict[str, Any]]) -> str:
    uncached = next(row for row in rows if row["kind"] == "uncached")
    about, steps = uncached["about"], uncached["steps"]
    text = [
        f"## {uncached['model']}",
        "",
        f"{about['sampler']}, {steps} steps, guidance {about['guidance']:g}, {uncached['samples']} samples "
        f"in batches of {about['batch']}, {about['rounds']} timed rounds. Uncached: Fréchet "
        f"{_value(uncached, 'frechet', 2)}, task {_task(uncached)}.",
        "",
    ]
    good = [row for row in rows if row["status"] == "ok" and row["kind"] != "uncached"]
    for high, low in pairwise(EDGES):
        band = [row for row in good if low < len(row["computed"]) / steps <= high]
        if band:
            text += _band(band, steps)
    rest = [row for row in rows if row["status"] != "ok"]
    if rest:
        text += [f"### Without a result on {uncached['model']}", ""]
        text += [f"- `{row['label']}`: {row['status']}. {row['reason']}" for row in rest]
    return "\n".join([*text, ""])


def _band(band: Sequence[dict[str, Any]], steps: int) -> list[str]:
    counts = [len(row["computed"]) for row in band]
    title = f"{min(counts)} to {max(counts)}" if min(counts) != max(counts) else str(counts[0])
    lines = [
        f"### {title} of {steps} steps computed",
        "",
        "| row | computed | L2 | PSNR | SSIM | Fréchet | task | faster |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in sorted(band, key=lambda row: row["quality"]["relative_l2"]["value"]):
        name = f"**{row['label']}**" if row["kind"] == "fewer-steps" else f"`{row['label']}`"
        lines.append(
            f"| {name} | {len(row['computed'])} | {_interval(row)} | {_value(row, 'psnr', 1)} "
            f"| {_value(row, 'ssim', 3)} | {_value(row, 'frechet', 2)} | {_task(row)} | {_faster(row)} |"
        )
    return [*lines, ""]


def _value(row: dict[str, Any], metric: str, digits: int) -> str:
    found = row["quality"].get(metric)
    return "-" if found is None else f"{found['value']:.{digits}f}"


def _interval(row: dict[str, Any]) -> str:
    found = row["quality"]["relative_l2"]
    return f"{found['value']:.4f} ({found['low']:.4f} to {found['high']:.4f})"


def _task(row: dict[str, Any]) -> str:
    name = next((task for task in TASKS if task in row["quality"]), None)
    return "-" if name is None else f"{100 * row['quality'][name]['value']:.0f} %"


def _faster(row: dict[str, Any]) -> str:
    return "-" if row["latency"] is None else f"{row['latency']['speedup']['value']:.2f}x"
