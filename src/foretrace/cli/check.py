"""foretrace check: what foretrace sees in one pipeline, found by running a few of its steps."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

import foretrace as ft
from foretrace.cli.pipelines import call_arguments, load_pipeline, usual_call
from foretrace.cli.settings import parse_settings
from foretrace.errors import ForetraceError
from foretrace.models import find_stacks
from foretrace.models.coverage import COLUMNS
from foretrace.runtime.signature import signature_of
from foretrace.runtime.target import find_target

LEGEND = """sites: over all branches
MiB a point: history for each point that a predictor keeps
skipped step: its MACs as a share of a computed one's"""


def check(
    model: Annotated[str, typer.Argument(help="A folder in diffusers' format, a hub id, or shapes-dit.")],
    prompt: Annotated[str | None, typer.Option(help="Prompt, or class names split by commas.")] = None,
    steps: Annotated[int, typer.Option(min=2, help="Sampler steps of each try.")] = 4,
    pass_: Annotated[
        list[str] | None, typer.Option("--pass", help="Any other pipeline argument, name=value.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cuda, cpu, mps; the best there is.")] = None,
    dtype: Annotated[str, typer.Option(help="Precision of the weights.")] = "auto",
) -> None:
    """Explain one model: its blocks, and what each granularity finds there, or why it is refused."""
    console = Console()
    extra = parse_settings(pass_ or [])
    with console.status(f"loading {model}"):
        pipe = load_pipeline(model, device, dtype)
    pipe.set_progress_bar_config(disable=True)
    for line in _parts(pipe):
        console.print(line, highlight=False)
    arguments = call_arguments(pipe, prompt, steps, 0, usual_call(model, None) | extra)
    table = Table(title=f"{steps} steps each, every other one skipped", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("granularity", "branches", "sites", "MiB a point", "skipped step"):
        table.add_column(name, justify="left" if name == "granularity" else "right")
    refusals = []
    for spelling, granularity in track(list(COLUMNS.items()), "granularities", console=console):
        try:
            table.add_row(spelling, *_row(pipe, granularity, arguments))
        except ForetraceError as error:
            table.add_row(spelling, *["refused"] * 4)
            refusals.append(f"{spelling}: {error}")
    console.print(table)
    console.print(LEGEND, highlight=False)
    for line in refusals:
        console.print(line, highlight=False, soft_wrap=True)


def _parts(pipe: Any) -> list[str]:
    """One line a denoiser, and one for each of its stacks."""
    lines = []
    for name, denoiser in find_target(pipe).denoisers.items():
        signature = signature_of(denoiser)
        lines.append(f"{name}: {type(denoiser).__name__}, time in {signature.time if signature else None!r}")
        try:
            for path, blocks in find_stacks(denoiser).items():
                kinds = ", ".join(dict.fromkeys(type(block).__name__ for block in blocks))
                lines.append(f"  {path}: {len(blocks)} blocks, {kinds}")
        except ForetraceError as error:
            lines.append(f"  {error}")
    return lines


def _row(pipe: Any, granularity: Any, arguments: dict[str, Any]) -> tuple[str, ...]:
    """Cells of one granularity; the same noise each time, since a call uses a generator up."""
    generator = arguments["generator"]
    state = generator.get_state()
    try:
        with ft.accelerate(pipe, ft.Method(ft.Stride(2, "first"), ft.Reuse(), granularity)) as run:
            pipe(**arguments)
    finally:
        generator.set_state(state)
    report = run.report
    size = f"{report.history_bytes / 2**20:.3g}"
    return str(len(report.branches)), str(sum(report.sites.values())), size, _skipped_share(report)


def _skipped_share(report: ft.Report) -> str:
    try:
        computed = len(report.computed) / (len(report.computed) + len(report.skipped))
        share = (report.macs / report.macs_full - computed) / (1 - computed)
    except ForetraceError:  # the forward looks at values
        return "not countable"
    return f"{abs(share):.2%}"
