"""foretrace run: a method on any diffusers pipeline, pictures saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import foretrace as ft
from foretrace.cli.output import prepare_folder, save_images
from foretrace.cli.pipelines import call_arguments, load_pipeline, usual_call
from foretrace.cli.settings import parse_settings


def run(
    model: Annotated[str, typer.Option(help="A folder in diffusers' format, a hub id, or shapes-dit.")],
    method: Annotated[str, typer.Option(help="A name from `foretrace methods`, or none.")] = "tracache",
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting, name=value.")] = None,
    prompt: Annotated[str | None, typer.Option(help="Prompt, or class names split by commas.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Sampler steps; the pipeline's default.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale; the pipeline's default.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    pass_: Annotated[
        list[str] | None, typer.Option("--pass", help="Any other pipeline argument, name=value.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cuda, cpu, mps; the best there is.")] = None,
    dtype: Annotated[str, typer.Option(help="Precision of the weights.")] = "auto",
    out: Annotated[Path, typer.Option(help="Folder for pictures and report.")] = Path("foretrace-out"),
) -> None:
    """Sample any diffusers pipeline with a method, and save the pictures and the report."""
    console = Console()
    # Everything that can be wrong without the model is found before it is loaded.
    settings = parse_settings(set_ or [])
    extra = parse_settings(pass_ or [])
    chosen = None if method == "none" else ft.load_method(method, **settings)  # type: ignore[arg-type]
    prepare_folder(out)
    with console.status(f"loading {model}"):
        pipe = load_pipeline(model, device, dtype)
    arguments = call_arguments(pipe, prompt, steps, seed, usual_call(model, guidance) | extra)
    if chosen is None:
        output, report = pipe(**arguments), None
    else:
        with ft.accelerate(pipe, chosen) as handle:
            output = pipe(**arguments)
        report = handle.report
    paths = save_images(output, out, f"{method}-{seed}")
    if report is not None:
        console.print(str(report), highlight=False)
        (out / f"{method}-{seed}.json").write_text(json.dumps(_record(model, settings, report), indent=2))
    for path in paths:
        console.print(f"saved {path}", highlight=False)


def _record(model: str, settings: dict[str, object], report: Any) -> dict[str, Any]:
    return {
        "model": model,
        "method": report.method.name,
        "settings": settings,
        "computed": report.computed,
        "skipped": report.skipped,
        "macs": report.macs,
        "macs_full": report.macs_full,
        "seconds": report.seconds,
        "history_bytes": report.history_bytes,
    }
