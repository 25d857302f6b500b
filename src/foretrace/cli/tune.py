"""foretrace tune: a schedule and predictor found on one's own model, as a profile."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from foretrace.cli.calls import build_calls, read_prompts
from foretrace.cli.output import prepare_folder
from foretrace.cli.pipelines import load_pipeline, usual_call
from foretrace.cli.settings import parse_settings
from foretrace.errors import InvalidSetting


def tune(
    model: Annotated[str, typer.Option(help="A folder in diffusers' format, a hub id, or shapes-dit.")],
    speedup: Annotated[float | None, typer.Option(help="Steps over computed steps.")] = None,
    computed: Annotated[int | None, typer.Option(help="Computed steps.")] = None,
    max_error: Annotated[float | None, typer.Option(help="Relative L2 of latents to hold.")] = None,
    pareto: Annotated[str | None, typer.Option(help="Several computed steps, as 8,11,15: a curve.")] = None,
    prompts: Annotated[Path | None, typer.Option(help="File with a prompt a line.")] = None,
    prompt: Annotated[list[str] | None, typer.Option(help="A prompt or class name; may be repeated.")] = None,
    samples: Annotated[int, typer.Option(min=2, help="Samples; a third only judges.")] = 24,
    batch: Annotated[int, typer.Option(min=1, help="Samples a call.")] = 4,
    minutes: Annotated[float, typer.Option(help="Time to search, for each number of steps.")] = 5.0,
    steps: Annotated[int | None, typer.Option(min=2, help="Sampler steps; the pipeline's default.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale; the pipeline's default.")] = None,
    granularity: Annotated[str, typer.Option(help="Where to forecast.")] = "model",
    factors: Annotated[bool, typer.Option(help="Fit the forecasts' increments in most of the time.")] = True,
    together: Annotated[int, typer.Option(min=1, help="Candidates that are run at once.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the noises and of the search.")] = 0,
    pass_: Annotated[list[str] | None, typer.Option("--pass", help="Pipeline argument, name=value.")] = None,
    device: Annotated[str | None, typer.Option(help="cuda, cpu, mps; the best there is.")] = None,
    dtype: Annotated[str, typer.Option(help="Precision of the weights.")] = "auto",
    out: Annotated[Path, typer.Option(help="Folder for profile, recordings and verdicts.")] = Path("tuned"),
) -> None:
    """Find when to compute and how to forecast. Run it again with the same --out to go on."""
    from foretrace.offline.progress import console as bars
    from foretrace.offline.tune import tune as search

    console = Console()
    counts = _counts(pareto)
    if counts and (speedup, computed, max_error) != (None, None, None):
        raise InvalidSetting(
            "got --pareto and another goal; expected one, since --pareto names its computed steps. Pass one."
        )
    extra = usual_call(model, guidance) | parse_settings(pass_ or [])
    prepare_folder(out)
    with console.status(f"loading {model}"):
        pipe = load_pipeline(model, device, dtype)
    calls = build_calls(pipe, read_prompts(prompts, prompt), samples, batch, steps, seed, extra)
    if counts:
        paths = _curve(console, pipe, calls, counts, granularity, factors, together, minutes, seed, out)
    else:
        profile = search(
            pipe,
            calls,
            speedup=speedup,
            computed_steps=computed,
            max_error=max_error,
            minutes=minutes,
            granularity=granularity,
            factors=factors,
            together=together,
            folder=out,
            seed=seed,
            progress=bars,
        )
        console.print(str(profile), highlight=False)
        paths = [profile.save(out / "profile.safetensors")]
    for path in paths:
        console.print(f"saved {path}", highlight=False)
    console.print(f"use it: ft.accelerate(pipe, profile='{paths[0]}')", highlight=False)


def _curve(
    console: Console,
    pipe: Any,
    calls: list[dict[str, Any]],
    counts: list[int],
    granularity: str,
    factors: bool,
    together: int,
    minutes: float,
    seed: int,
    out: Path,
) -> list[Path]:
    """Tune for several numbers of computed steps, show and save the curve; the files written."""
    from foretrace.offline.pareto import pareto, save_pareto
    from foretrace.offline.progress import console as bars
    from foretrace.offline.tuner import prepare

    tuner = prepare(
        pipe, calls, granularity=granularity, factors=factors, together=together, folder=out, progress=bars
    )
    points, profiles = pareto(tuner, counts, minutes, seed, bars)
    paths = [p.save(out / f"profile-{n}.safetensors") for n, p in zip(counts, profiles, strict=True)]
    console.print(_table(points, tuner.steps))
    return paths + save_pareto(points, out)


def _counts(text: str | None) -> list[int]:
    try:
        return [int(part) for part in text.split(",")] if text else []
    except ValueError as error:
        raise InvalidSetting(
            f"--pareto got {text!r}; expected numbers split by commas, as 8,11,15."
        ) from error


def _table(points: list, steps: int) -> Table:
    table = Table(title=f"relative L2 to the uncached run, held out, {steps} steps", box=SIMPLE_HEAD)
    for name in ("computed", "fewer steps", "uniform", "tuned", "gain", "predictor"):
        table.add_column(name, justify="left" if name == "predictor" else "right")
    for p in points:
        gain = f"{p.uniform / p.tuned:.2f}x" if p.tuned > 0 else "-"
        row = (f"{p.fewer_steps:.4f}", f"{p.uniform:.4f}", f"{p.tuned:.4f}", gain, p.tuned_predictor)
        table.add_row(str(p.computed), *row)
    return table
