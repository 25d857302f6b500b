"""foretrace report: the page of a bench from its results file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from foretrace.cli.output import prepare_folder
from foretrace.errors import LoadError


def report(
    results: Annotated[Path, typer.Argument(help="The file of rows that foretrace bench wrote.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the page; `report` beside the file.")] = None,
) -> None:
    """Draw a bench: one self-contained page, and the same as PNG and JSON."""
    try:
        from foretrace.bench.report import build_report
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("jinja2", "markupsafe", "matplotlib", "PIL"):
            raise
        raise LoadError(
            f"{error.name} is not installed; expected it, with all that the extra `bench` brings. "
            "Run: pip install 'foretrace[bench]'"
        ) from error
    folder = results.parent / "report" if out is None else out
    if results.is_file():
        prepare_folder(folder)
    console = Console()
    for path in build_report(results, folder):
        console.print(f"saved {path}", highlight=False, soft_wrap=True)
