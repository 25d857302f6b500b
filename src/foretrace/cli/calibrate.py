"""foretrace calibrate: TCC's priors for a method on one's own model, as a profile."""

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
from foretrace.errors import InvalidSetting


def calibrate(
    model: Annotated[str, typer.Option(help="A folder in diffusers' format, a hub id, or shapes-dit.")],
    method: Annotated[str, typer.Option(help="A name from `foretrace methods`.")] = "fora",
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting, name=value.")] = None,
    variant: Annotated[str, typer.Option(help="full, scale_shift or shift.")] = "full",
    pool: Annotated[str, typer.Option(help="token, class or mixed.")] = "token",
    alpha: Annotated[str, typer.Option(help="Strengths to try, as 0.25,0.5,1.")] = "0.25,0.5,1",
    window: Annotated[str, typer.Option(help="Part of the run that is corrected, as 0,0.4.")] = "0,0.4",
    one_shot: Annotated[bool, typer.Option(help="Fit along the uncorrected line (ablation).")] = False,
    force: Annotated[bool, typer.Option(help="Save the profile even if it does not help.")] = False,
    prompts: Annotated[Path | None, typer.Option(help="File with a prompt a line.")] = None,
    prompt: Annotated[list[str] | None, typer.Option(help="A prompt or class name; may be repeated.")] = None,
    samples: Annotated[int, typer.Option(min=2, help="Samples; a quarter only judges.")] = 64,
    batch: Annotated[int, typer.Option(min=1, help="Samples a call.")] = 16,
    steps: Annotated[int | None, typer.Option(min=2, help="Sampler steps; the pipeline's default.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale; the pipeline's default.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noises.")] = 0,
    pass_: Annotated[list[str] | None, typer.Option("--pass", help="Pipeline argument, name=value.")] = None,
    device: Annotated[str | None, typer.Option(help="cuda, cpu, mps; the best there is.")] = None,
    dtype: Annotated[str, typer.Option(help="Precision of the weights.")] = "auto",
    out: Annotated[Path, typer.Option(help="Folder for the profile.")] = Path("calibrated"),
) -> None:
    """Fit corrections that keep the cached trajectory on the uncached one; refused where they do not help."""
    from foretrace.offline.calibrate import calibrate as fit
    from foretrace.offline.progress import console as bars

    console = Console()
    chosen = ft.load_method(method, **parse_settings(set_ or []))  # type: ignore[arg-type]
    strengths, (low, high) = _numbers("alpha", alpha), _numbers("window", window, 2)
    extra = usual_call(model, guidance) | parse_settings(pass_ or [])
    prepare_folder(out)
    with console.status(f"loading {model}"):
        pipe = load_pipeline(model, device, dtype)
    calls = build_calls(pipe, read_prompts(prompts, prompt), samples, batch, steps, seed, extra)
    profile = fit(
        pipe,
        chosen,
        calls,
        variant=variant,  # type: ignore[arg-type]
        pool=pool,  # type: ignore[arg-type]
        alpha=strengths,
        window=(low, high),
        one_shot=one_shot,
        force=force,
        progress=bars,
    )
    path = profile.save(out / "profile.safetensors")
    console.print(f"{profile}\nsaved {path}", highlight=False)


def _numbers(name: str, text: str, count: int | None = None) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or count not in (None, len(found)):
        wanted = "numbers" if count is None else f"{count} numbers"
        raise InvalidSetting(f"--{name} got {text!r}; expected {wanted} split by commas. Correct it.")
    return found
