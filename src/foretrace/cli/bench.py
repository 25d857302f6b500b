"""foretrace bench: methods, peers and controls side by side on any pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperCommand

from foretrace.cli.calls import read_prompts
from foretrace.cli.output import prepare_folder
from foretrace.cli.settings import parse_settings
from foretrace.errors import InvalidSetting

if TYPE_CHECKING:
    from foretrace.bench.published import PaperTable
    from foretrace.bench.rows import Row
    from foretrace.bench.spec import Spec


class ListsTables(TyperCommand):
    """``--table`` without a name lists the tables."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As click's, with the name that was left out."""
        at = args.index("--table") + 1 if "--table" in args else 0
        if at and (at == len(args) or args[at].startswith("-")):
            args = [*args[:at], "list", *args[at:]]
        return super().parse_args(ctx, args)


def bench(
    file: Annotated[Path | None, typer.Argument(help="A TOML file with the same as these flags.")] = None,
    table: Annotated[
        str | None, typer.Option(help="The rows of a paper's table, as tracache-3; `list` names them.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="A folder, a hub id, or shapes-dit.")] = None,
    methods: Annotated[
        list[str] | None, typer.Option(help="tracache:interval=5,order=4 or profile:FILE; repeatable.")
    ] = None,
    peers: Annotated[list[str] | None, typer.Option(help="As cache-dit:Fn_compute_blocks=1, or all.")] = None,
    samples: Annotated[int | None, typer.Option(help="Samples a row.  [default: 24]")] = None,
    batch: Annotated[int | None, typer.Option(help="Samples a call.  [default: 8]")] = None,
    rounds: Annotated[int | None, typer.Option(help="Timed rounds of one call each.  [default: 3]")] = None,
    steps: Annotated[int | None, typer.Option(help="Sampler steps; the pipeline's default.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale; the pipeline's default.")] = None,
    prompts: Annotated[Path | None, typer.Option(help="File with a prompt a line.")] = None,
    prompt: Annotated[list[str] | None, typer.Option(help="A prompt or class name; repeatable.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the first noise.  [default: 0]")] = None,
    intervals: Annotated[str | None, typer.Option(help="For methods without one, as 3,5.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of every method, name=value.")
    ] = None,
    fewer_steps: Annotated[
        str | None, typer.Option(help="Steps of the controls, as 10,17; auto; none.")
    ] = None,
    samplers: Annotated[str | None, typer.Option(help="dpmsolver++,deis,unipc (all), or none.")] = None,
    metrics: Annotated[str | None, typer.Option(help="Split by commas; all.")] = None,
    reference: Annotated[
        str | None, typer.Option(help="uncached, other-seeds, a folder of pictures or an .npz file.")
    ] = None,
    network: Annotated[str | None, typer.Option(help="auto, inception or a TorchScript file.")] = None,
    clip: Annotated[str | None, typer.Option(help="Folder of a CLIP model, for CLIP scores.")] = None,
    pass_: Annotated[list[str] | None, typer.Option("--pass", help="Pipeline argument, name=value.")] = None,
    device: Annotated[str | None, typer.Option(help="cuda, cpu, mps; the best there is.")] = None,
    dtype: Annotated[str | None, typer.Option(help="Precision of the weights.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of results.  [default: foretrace-bench]")] = None,
) -> None:
    """Measure methods, peers and controls on one model. Run it again with the same --out to go on.

    With --table the rows are those of a paper's table, and its numbers are printed beside those measured.
    """
    if table == "list":
        _list_tables()
        return
    words = {"intervals": intervals, "fewer_steps": fewer_steps, "samplers": samplers, "metrics": metrics}
    given = {
        "model": model, "methods": methods, "peers": peers, "samples": samples, "batch": batch,
        "rounds": rounds, "steps": steps, "guidance": guidance, "seed": seed, "reference": reference,
        "network": network, "clip": clip, "device": device, "dtype": dtype, "out": out,
        "prompts": read_prompts(prompts, prompt) or None,
        "set": parse_settings(set_ or []) or None,
        "extra": parse_settings(pass_ or []) or None,
        **{name: _list(name, text) for name, text in words.items()},
    }  # fmt: skip
    if fewer_steps == "auto":
        del given["fewer_steps"]
    _run(file, {name: value for name, value in given.items() if value is not None}, table)


def _run(file: Path | None, given: dict[str, Any], name: str | None) -> None:
    from foretrace.bench.entries import PEERS
    from foretrace.bench.papers import asked_of
    from foretrace.bench.spec import make_spec
    from foretrace.bench.specfile import read_toml
    from foretrace.bench.tables import load_table

    # Everything that can be wrong without the model is found before it is loaded.
    asked = (read_toml(file) if file is not None else {}) | given
    named = asked.get("peers", ())
    asked["peers"] = [peer for one in named for peer in (PEERS if one == "all" else [one])]
    paper = load_table(name) if name is not None else None
    spec = make_spec(asked if paper is None else asked_of(paper, asked))
    _check_installed()
    prepare_folder(spec.out)

    from foretrace.bench.bench import RESULTS
    from foretrace.bench.papers import run_table
    from foretrace.bench.runner import run_bench
    from foretrace.bench.subject import load_subject
    from foretrace.offline.progress import console as bars

    console = Console()
    with console.status(f"loading {spec.model}"):
        subject = load_subject(spec.model, spec.device, spec.dtype, spec.sampler)
    rows = run_bench(spec, subject, bars) if paper is None else run_table(paper, spec, subject, bars)
    _show(console, spec, rows, paper)
    console.print(f"rows {spec.out / RESULTS}", highlight=False)


def _show(console: Console, spec: Spec, rows: list[Row], paper: PaperTable | None) -> None:
    from foretrace.bench.beside import beside, legend
    from foretrace.bench.table import LEGEND, make_table, reasons

    about = rows[0].about
    words = LEGEND.format(reference=about["reference"], network=about["network"] or "no network")
    if paper is not None:
        console.print(beside(paper, rows))
        console.print(legend(paper, spec, about), highlight=False, markup=False)
    else:
        title = (
            f"{spec.model}, {about['sampler']}, {about['uncached_steps']} steps, {spec.samples} samples a row"
        )
        console.print(make_table(rows, title))
        console.print(words, highlight=False)
    for line in reasons(rows):
        console.print(line, highlight=False, markup=False)


def _list_tables() -> None:
    from foretrace.bench.tables import listing

    Console().print(f"tables for --table:\n{listing()}", highlight=False, markup=False, soft_wrap=True)


def _list(name: str, text: str | None) -> list[Any] | None:
    """Words or numbers split by commas; ``none`` is an empty list."""
    if text is None:
        return None
    words = [] if text == "none" else [part.strip() for part in text.split(",") if part.strip()]
    if name not in ("intervals", "fewer_steps") or text == "auto":
        return words
    try:
        return [int(word) for word in words]
    except ValueError as error:
        option = name.replace("_", "-")
        raise InvalidSetting(f"--{option} got {text!r}; expected numbers split by commas, as 3,5.") from error


def _check_installed() -> None:
    from importlib.util import find_spec

    if find_spec("torchmetrics") is None:
        raise InvalidSetting(
            "torchmetrics is not installed; expected it for the metrics of a bench. Run: pip install "
            "'foretrace[bench]'."
        )
