"""foretrace fit: what a method's gate needs to know of one's own model, as a profile."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import foretrace as ft
from foretrace.cli.calls import build_calls, read_prompts
from foretrace.cli.output import prepare_folder
from foretrace.cli.pipelines import load_pipeline, usual_call
from foretrace.cli.settings import parse_settings


def fit(
    model: Annotated[str, typer.Option(help="A folder in diffusers' format, a hub id, or shapes-dit.")],
    method: Annotated[str, typer.Option(help="teacache, magcache, sencache or error_estimate.")] = "magcache",
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting, name=value.")] = None,
    probes: Annotated[int, typer.Option(min=1, help="Steps measured for error_estimate.")] = 12,
    force: Annotated[bool, typer.Option(help="Save the profile even if the fit explains nothing.")] = False,
    prompts: Annotated[Path | None, typer.Option(help="File with a prompt a line.")] = None,
    prompt: Annotated[list[str] | None, typer.Option(help="A prompt or class name; may be repeated.")] = None,
    samples: Annotated[int, typer.Option(min=2, help="Samples; a quarter of the calls only judges.")] = 16,
    batch: Annotated[int, typer.Option(min=1, help="Samples a call.")] = 4,
    steps: Annotated[int | None, typer.Option(min=2, help="Sampler steps; the pipeline's default.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale; the pipeline's default.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noises.")] = 0,
    pass_: Annotated[list[str] | None, typer.Option("--pass", help="Pipeline argument, name=value.")] = None,
    device: Annotated[str | None, typer.Option(help="cuda, cpu, mps; the best there is.")] = None,
    dtype: Annotated[str, typer.Option(help="Precision of the weights.")] = "auto",
    out: Annotated[Path, typer.Option(help="Folder for the profile.")] = Path("fitted"),
) -> None:
    """Measure what a gate needs on uncached runs; refused where it explains nothing of others."""
    from foretrace.offline.fit import fit as measure
    from foretrace.offline.progress import console as bars

    console = Console()
    chosen = ft.load_method(method, **parse_settings(set_ or []))  # type: ignore[arg-type]
    extra = usual_call(model, guidance) | parse_settings(pass_ or [])
    prepare_folder(out)
    with console.status(f"loading {model}"):
        pipe = load_pipeline(model, device, dtype)
    calls = build_calls(pipe, read_prompts(prompts, prompt), samples, batch, steps, seed, extra)
    profile = measure(pipe, chosen, calls, probes=probes, force=force, progress=bars)
    path = profile.save(out / "profile.safetensors")
    console.print(f"{profile}\nsaved {path}", highlight=False)
    console.print(f"use it: ft.accelerate(pipe, profile='{path}')", highlight=False)
