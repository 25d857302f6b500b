"""foretrace demo: the embedded model uncached, with FORA and with TraCache, side by side."""

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

GUIDANCE = 3.0
COLUMNS = 8
METHODS: dict[str, dict[str, str]] = {"fora": {}, "tracache": {}, "tracache*": {"granularity": "model"}}
"""As their papers have them, and at the denoiser's output, which here is the better site."""
LEGEND = """k: interval    fewer: MACs of the uncached run over these    s: seconds a run
error: relative L2 to the uncached pictures    PSNR: to them, in dB
class: share of pictures in which the classifier sees the class asked for
*: forecasts the denoiser's output (granularity="model") in place of the blocks'
steps computed (█) and forecast (·):"""


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the picture and the numbers.")] = Path(
        "foretrace-demo"
    ),
    samples: Annotated[int, typer.Option(min=1, help="Pictures a method.")] = 24,
    steps: Annotated[int, typer.Option(min=2, help="DDIM steps.")] = 50,
    rounds: Annotated[int, typer.Option(min=1, help="Timed rounds; each runs every method once.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
) -> None:
    """Compare the uncached model with FORA and TraCache on the embedded model, in about two minutes."""
    console = Console()
    prepare_folder(out)
    with console.status("loading shapes-dit"):
        from foretrace.demo.classifier import load_classifier

        pipe, judge = ft.reference("shapes-dit"), load_classifier()
    pipe.set_progress_bar_config(disable=True)
    labels = [i % len(judge.class_names) for i in range(samples)]
    rows = [Row("uncached", None)] + [
        Row(f"{name}, k={k}", ft.load_method(name.rstrip("*"), interval=k, **settings))
        for name, settings in METHODS.items()
        for k in (3, 5)
    ]
    _run(console, pipe, labels, rows, steps, rounds, seed)

    numbers = [summary(row, rows[0], steps, _accuracy(judge, row, labels)) for row in rows]
    full = next(n["macs_full"] for n in numbers if n["macs_full"])
    numbers[0] |= {"macs": full, "macs_full": full}
    numbers[0]["macs_linear"] = rows[1].report.full_macs.linear if rows[1].report else None
    console.print(_table(numbers, steps, samples))
    console.print(LEGEND, highlight=False)
    for row in rows[1:]:
        console.print(f"{row.label:<14} {row.report.strip if row.report else ''}", highlight=False)
    _save(console, out, rows, numbers, [judge.class_names[i] for i in labels], steps)


def _run(
    console: Console, pipe: Any, labels: list[int], rows: list[Row], steps: int, rounds: int, seed: int
) -> None:
    import torch

    def sampler(count: int = steps) -> Any:
        generators = [torch.Generator().manual_seed(seed + i) for i in range(len(labels))]
        return pipe(
            labels,
            guidance_scale=GUIDANCE,
            num_inference_steps=count,
            generator=generators,
            output_type="pt",
        ).images

    columns = (TextColumn("{task.description:<14}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("warming up", total=rounds * len(rows))
        sampler(2)  # the first call pays for allocations that no method should be charged with

        def advance(label: str) -> None:
            done = sum(len(row.seconds) for row in rows)
            progress.update(task, description=label, completed=done)

        run_rounds(pipe, sampler, rows, rounds, advance)
        progress.update(task, description="done", completed=rounds * len(rows))


def _accuracy(judge: Any, row: Row, labels: list[int]) -> float:
    import torch

    return float((judge.predict(row.images) == torch.tensor(labels)).float().mean())


def _table(numbers: list[dict[str, Any]], steps: int, samples: int) -> Table:
    """One line a method, at most 80 characters wide; the spread of the speed-ups is in the JSON file."""
    title = f"shapes-dit, DDIM-{steps}, guidance {GUIDANCE:g}, {samples} pictures a method"
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in ("method", "steps", "GMACs", "fewer", "s", "faster", "error", "PSNR", "class"):
        table.add_column(name, justify="left" if name == "method" else "right", no_wrap=True)
    for n in numbers:
        uncached = n["psnr"] is None
        table.add_row(
            n["label"],
            f"{n['computed']}/{steps}",
            f"{n['macs'] / 1e9:.1f}",
            f"{n['macs_full'] / n['macs']:.2f}x",
            f"{n['seconds']:.2f}",
            "1x" if uncached else f"{n['speedup']:.2f}x",
            "-" if uncached else f"{n['relative_l2']:.4f}",
            "-" if uncached else f"{n['psnr']:.1f}",
            f"{n['accuracy']:.0%}",
        )
    return table


def _caption(label: str, computed: int, steps: int) -> str:
    """A row's title in the picture, which has no legend."""
    lines = [label.replace("*", ""), *["at the output"] * ("*" in label), f"{computed}/{steps} steps"]
    return "\n".join(lines)


def _save(
    console: Console,
    out: Path,
    rows: list[Row],
    numbers: list[dict[str, Any]],
    names: list[str],
    steps: int,
) -> None:
    import diffusers
    import torch

    from foretrace.demo.picture import save_grid

    labelled = [
        (_caption(row.label, n["computed"], steps), row.images[:COLUMNS])
        for row, n in zip(rows, numbers, strict=True)
    ]
    save_grid(labelled, names[:COLUMNS], out / "demo.png")
    record = {
        "versions": {
            "foretrace": ft.__version__,
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
            "python": platform.python_version(),
        },
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "steps": steps,
        "guidance": GUIDANCE,
        "rows": numbers,
    }
    (out / "demo.json").write_text(json.dumps(record, indent=2) + "\n")
    console.print(f"pictures {out / 'demo.png'}\nnumbers  {out / 'demo.json'}", highlight=False)
