"""foretrace methods: the recipes with equation, paper and settings, read from their files."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from foretrace.cli.settings import parse_settings
from foretrace.cli.weights import weight_table
from foretrace.methods import COMMON_SETTINGS, available_methods, citation, load_method, recipe


def methods(
    name: Annotated[str | None, typer.Argument(help="One method, in full; all of them if left out.")] = None,
    cite: Annotated[bool, typer.Option("--cite", help="Print the BibTeX entry instead.")] = False,
    weights: Annotated[str | None, typer.Option(help="Print this method's weights on its schedule.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting for --weights.")] = None,
    steps: Annotated[int, typer.Option(min=2, help="Steps of the run for --weights.")] = 50,
) -> None:
    """List the methods with equation, paper and settings."""
    console = Console()
    if weights is not None:
        method = load_method(weights, **parse_settings(set_ or []))  # type: ignore[arg-type]
        console.print(weight_table(method, steps))
        return
    names = available_methods() if name is None else [name]
    for each in names:
        make = recipe(each)
        if cite:
            console.print(citation(each), highlight=False, markup=False, soft_wrap=True)
            continue
        page = inspect.getdoc(inspect.getmodule(make)) or ""
        body = page if name is not None else _summary(page)
        lines = f"{body}\n\npaper     {_paper(each)}\nsettings  {_settings(make)}"
        console.print(Panel(Text(lines), title=each, title_align="left"))


def _summary(page: str) -> str:
    """The title line and the equations (the indented lines) of a recipe's page."""
    title, _, rest = page.partition("\n\n")
    title = " ".join(title.split())
    equations = [line for line in rest.splitlines() if re.match(r"\s{4}\S", line)]
    return "\n".join([title, "", *equations])


def _settings(make: Callable[..., Any]) -> str:
    own = ", ".join(f"{p.name}={p.default!r}" for p in inspect.signature(make).parameters.values())
    return f"{own}; {', '.join(COMMON_SETTINGS)}"


def _paper(name: str) -> str:
    """Title, place and year out of the BibTeX entry."""
    entry = " ".join(citation(name).split())
    fields = dict(re.findall(r"(\w+) = \{(.*?)\}(?=,? (?:\w+ = |\}$))", entry))
    title = fields["title"].replace("{", "").replace("}", "")
    return f"{title} ({fields.get('journal') or fields.get('note')}, {fields['year']})"
