"""foretrace models: which granularities hold on which denoiser class of diffusers, and why others do not."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from foretrace.errors import InvalidSetting
from foretrace.models.coverage import COLUMNS, Coverage, read_coverage


def models(
    name: Annotated[
        str | None, typer.Argument(help="Classes whose name holds this; all if left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the matrix for machines.")] = False,
) -> None:
    """List the denoiser classes of diffusers with the granularities that hold for each."""
    found = _select(read_coverage(), name)
    console = Console()
    if as_json:
        console.print_json(json.dumps(found._asdict()))
        return
    table = Table(title=f"diffusers {found.diffusers}: + holds, - refused", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("class", overflow="fold")
    for spelling in COLUMNS:
        table.add_column(spelling.replace(":", ":\n").replace("(", "\n("), justify="center")
    for each, row in found.classes.items():
        table.add_row(each, *("+" if row[s] is None else "-" for s in COLUMNS))
    console.print(table)
    for each, row in found.classes.items():
        for spelling, why in row.items():
            if why is not None:
                console.print(f"{spelling} on {each}: {why}", highlight=False, soft_wrap=True)


def _select(matrix: Coverage, name: str | None) -> Coverage:
    if name is None:
        return matrix
    chosen = {each: row for each, row in matrix.classes.items() if name.lower() in each.lower()}
    if not chosen:
        raise InvalidSetting(
            f"no class named {name!r}; expected (part of) one of {', '.join(matrix.classes)}. "
            "A class of your own needs no entry: `foretrace check` explains it."
        )
    return matrix._replace(classes=chosen)
