"""The commands demo, run, bench, tune, calibrate, fit, report, methods, models, check: one file a command."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import typer
from rich.console import Console

from foretrace.cli.bench import ListsTables, bench
from foretrace.cli.calibrate import calibrate
from foretrace.cli.check import check
from foretrace.cli.demo import demo
from foretrace.cli.fit import fit
from foretrace.cli.methods import methods
from foretrace.cli.models import models
from foretrace.cli.report import report
from foretrace.cli.run import run
from foretrace.cli.tune import tune
from foretrace.errors import ForetraceError

app = typer.Typer(
    name="foretrace",
    help="Faster sampling of diffusion transformers by forecasting features between computed steps.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    add_completion=False,
)


def _with_plain_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """An error that foretrace raised on purpose is a message to the user, not a traceback."""

    @functools.wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except ForetraceError as error:
            Console(stderr=True).print(f"[bold red]{type(error).__name__}:[/] {error}", highlight=False)
            raise typer.Exit(2) from error

    return guarded


app.command(cls=ListsTables)(_with_plain_errors(bench))
for _command in (demo, run, tune, calibrate, fit, report, methods, models, check):
    app.command()(_with_plain_errors(_command))
