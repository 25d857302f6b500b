"""foretrace demo: a reference model uncached, with FORA and with TraCache, side by side."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import foretrace as ft
from foretrace.cli.output import prepare_folder
from foretrace.demo.compare import Row, run_rounds, summary
from foretrace.demo.references import REFERENCES
from foretrace.demo.tasks import Task, load_task
from foretrace.errors import UnknownReference

COLUMNS = 8
METHODS: dict[str, dict[str, str]] = {"fora": {}, "tracache": {}, "tracache*": {"granularity": "model"}}
"""As their papers have them, and at the denoiser's output, which here is the better site."""
INTERVALS = {"shapes-dit": (3, 5)}
FEW_STEPS = (2, 3)
"""Intervals for models that are sampled with 20 to 30 steps."""
LEGEND = """k: interval    fewer: MACs of the uncached run over these    s: seconds a run
error: relative L2 to the uncached pictures    PSNR: to them, in dB
{score}: {meaning}
*: forecasts the denoiser's output (granularity="model") in place of the blocks'
steps computed (█) and forecast (·):"""
MEANINGS = {
    "class": "share of pictures in which the classifier sees the class asked for",
    "attributes": "share of the captions' attributes that the judge sees",
    "motion": "share of videos in which the judge sees the object and the motion asked for",
}


def demo(
    model: Annotated[
        str, typer.Option(help="A reference model; shapes-dit needs no network.")
    ] = "shapes-dit",
    out: Annotated[Path, typer.Option(help="Folder for the picture and the numbers.")] = Path(
        "foretrace-demo"
    ),
    samples: Annotated[int, typer.Option(min=1, help="Pictures a method.")] = 24,
    steps: Annotated[int | None, typer.Option(min=2, help="Steps; the model's usual number.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Timed rounds; each runs every method once.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
) -> None:
    """Compare a reference model uncached, with FORA and with TraCache, in a minute or two."""
    console = Console()
    if model not in REFERENCES:
        known = ", ".join(REFERENCES)
        raise UnknownReference(f"no reference model {model!r}; expected one of {known}. Pass one of these.")
    prepare_folder(out)
    with console.status(f"loading {model}"):
        task = load_task(model)
    length = steps or task.steps
    rows = [Row("uncached", None)] + [
        Row(f"{name}, k={k}", ft.load_method(name.rstrip("*"), interval=k, **settings))
        for name, settings in METHODS.items()
        for k in INTERVALS.get(model, FEW_STEPS)
    ]
    _run(console, task, samples, rows, length, rounds, seed)

    numbers = [summary(row, rows[0], length, task.score(row.images)) for row in rows]
    full = next(n["macs_full"] for n in numbers if n["macs_full"])
    numbers[0] |= {"macs": full, "macs_full": full}
    numbers[0]["macs_linear"] = rows[1].report.full_macs.linear if rows[1].report else None
    console.print(_table(task, numbers, length, samples))
    legend = LEGEND.format(score=_column(task), meaning=MEANINGS[task.score_name])
    console.print(legend, highlight=False)
    for row in rows[1:]:
        console.print(f"{row.label:<14} {row.report.strip if row.report else ''}", highlight=False)
    _save(console, out, task, rows, numbers, length)


def _run(
    console: Console, task: Task, samples: int, rows: list[Row], steps: int, rounds: int, seed: int
) -> None:
    columns = (TextColumn("{task.description:<14}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("warming up", total=rounds * len(rows))
        task.sample(samples, seed, 2)  # the first call pays for allocations that no method should pay for

        def advance(label: str) -> None:
            done = sum(len(row.seconds) for row in rows)
            progress.update(bar, description=label, completed=done)

        run_rounds(task.pipe, lambda: task.sample(samples, seed, steps), rows, rounds, advance)
        progress.update(bar, description="done", completed=rounds * len(rows))


def _table(task: Task, numbers: list[dict[str, Any]], steps: int, samples: int) -> Table:
    """One line a method, at most 80 characters wide; the spread of the speed-ups is in the JSON file."""
    guidance = task.call[REFERENCES[task.name].guidance]
    title = f"{task.name}, {task.sampler}, {steps} steps, guidance {guidance:g}, {samples} samples a method"
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in ("method", "steps", "GMACs", "fewer", "s", "faster", "error", "PSNR", _column(task)):
        table.add_column(name, justify="left" if name == "method" else "right", no_wrap=True)
    for n in numbers:
        uncached = n["psnr"] is None
        table.add_row(
            n["label"],
            f"{n['computed']}/{steps}",
            f"{n['macs'] / 1e9:.1f}",
            f"{n['macs_full'] / n['macs']:.2f}x",
            f"{n['seconds']:.1f}",
            "1x" if uncached else f"{n['speedup']:.2f}x",
            "-" if uncached else f"{n['relative_l2']:.4f}",
            "-" if uncached else f"{n['psnr']:.1f}",
            f"{n['accuracy']:.0%}",
        )
    return table


def _column(task: Task) -> str:
    """The score's name where it fits a column."""
    return task.score_name if len(task.score_name) <= 6 else "score"


def _caption(label: str, computed: int, steps: int) -> str:
    """A row's title in the picture, which has no legend."""
    lines = [label.replace("*", ""), *["at the output"] * ("*" in label), f"{computed}/{steps} steps"]
    return "\n".join(lines)


def _save(
    console: Console, out: Path, task: Task, rows: list[Row], numbers: list[dict[str, Any]], steps: int
) -> None:
    import diffusers
    import torch

    from foretrace.demo.picture import save_grid

    labelled = [
        (_caption(row.label, n["computed"], steps), row.images[:COLUMNS])
        for row, n in zip(rows, numbers, strict=True)
    ]
    paths = save_grid(labelled, list(task.titles[:COLUMNS]), out / "demo.png")
    record = {
        "versions": {
            "foretrace": ft.__version__,
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
            "python": platform.python_version(),
        },
        "model": task.name,
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "steps": steps,
        "guidance": task.call[REFERENCES[task.name].guidance],
        "score": task.score_name,
        "rows": numbers,
    }
    (out / "demo.json").write_text(json.dumps(record, indent=2) + "\n")
    for path in paths:
        console.print(f"pictures {path}", highlight=False)
    console.print(f"numbers  {out / 'demo.json'}", highlight=False)
