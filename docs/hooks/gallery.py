"""Writes the pages `gallery.md` and `coverage.md` from the package while the documentation is built."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import foretrace as ft
from foretrace.methods import recipe
from foretrace.models.coverage import COLUMNS, read_coverage

STEPS = 50
HEAD = f"""# Gallery

Every recipe as it stands in the code, with its published settings: what it computes, what it keeps and where.
The strips show a run of {STEPS} steps, a block for a computed step and a dot for a skipped one. *Exact* is
the degree of the polynomials in time that a forecast reproduces (`none`: not even constants). *Gain* is the
sum of the weights' sizes at the skipped steps, the factor by which rounding and noise of the kept features
are multiplied.
"""


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the generated page."""
    sections = [_section(name) for name in ft.available_methods()]
    files.append(File.generated(config, "gallery.md", content="\n".join([HEAD, _overview(), *sections])))
    files.append(File.generated(config, "coverage.md", content=_coverage()))
    return files


def _coverage() -> str:
    matrix = read_coverage()
    lines = [
        "# Coverage",
        "",
        f"Every denoiser class of diffusers {matrix.diffusers}, tiny and with random weights, at every",
        "granularity. **+**: always computing is the uncached model bit for bit, and a skip with the same",
        "input repeats the computed output. **-**: refused with the error below. `foretrace models` prints",
        "the same.",
        "",
        f"| class | {' | '.join(f'`{s}`' for s in COLUMNS)} |",
        f"|---|{':-:|' * len(COLUMNS)}",
    ]
    for name, row in matrix.classes.items():
        lines.append(f"| {name} | {' | '.join('+' if row[s] is None else '-' for s in COLUMNS)} |")
    lines += ["", "## Refusals", ""]
    for name, row in matrix.classes.items():
        lines += [f"- {name}, `{s}`: {why}" for s, why in row.items() if why is not None]
    return "\n".join([*lines, *_peers()])


PEERS = Path(__file__).parents[2] / "benchmarks" / "results" / "peers_matrix.jsonl"
"""What `benchmarks/peers_matrix.py` wrote."""
PEERS_HEAD = """
Cache methods of diffusers {diffusers}, cache-dit on the transformer alone, and foretrace, each with settings
that skip whenever the method may, and told what it asks to be told (a time, a cache context, a latent).
**+**: skips, and a skip with the same input repeats the computed output to 1e-4. **off**: skips, and does
not repeat it. **no-op**: runs, and skips nothing. **error**: raises. A star: with settings that should
compute every step the output is not the uncached one bit for bit. Random weights: the table says nothing
about quality. `benchmarks/results/peers_matrix.jsonl` has errors and numbers.
""".strip()


def _peers() -> list[str]:
    """The matrix of cache methods, ours and others', by class."""
    cells: dict[str, dict[str, str]] = {}
    rows = [json.loads(line) for line in PEERS.read_text().splitlines()]
    for row in rows:
        cells.setdefault(row["class"], {})[row["method"]] = _outcome(row)
    methods = list(next(iter(cells.values())))
    totals = [Counter(row[method] for row in cells.values()) for method in methods]
    return [
        "",
        "## Peers",
        "",
        PEERS_HEAD.format(diffusers=rows[0]["diffusers"]),
        "",
        f"| class | {' | '.join(methods)} |",
        f"|---|{':-:|' * len(methods)}",
        *(f"| {name} | {' | '.join(row[m] for m in methods)} |" for name, row in cells.items()),
        f"| **of {len(cells)} work** | {' | '.join(str(total['+']) for total in totals)} |",
    ]


def _outcome(row: dict[str, Any]) -> str:
    if "error" in row:
        return "error"
    star = "*" if row.get("always_equal") is False else ""
    if row["computed"] >= 1:
        return "no-op" + star
    return ("off" if row["skip_error"] > 1e-4 else "+") + star


def _overview() -> str:
    lines = [
        "| method | computed | points kept | exact | gain | site |",
        "|---|---|---|---|---|---|",
    ]
    for name in ft.available_methods():
        method = ft.load_method(name)
        computed = len(method.schedule.table(STEPS))
        lines.append(
            f"| [`{name}`](#{name}) | {computed} of {STEPS} | {method.predictor.points} | "
            f"{_exact(method)} | {_gain(method)} | `{method.granularity}` |"
        )
    return "\n".join(lines)


def _section(name: str) -> str:
    make, method = recipe(name), ft.load_method(name)
    page = inspect.getdoc(inspect.getmodule(make)) or ""
    title, _, body = page.partition("\n\n")
    computed = set(method.schedule.table(STEPS))
    strip = "".join("█" if i in computed else "·" for i in range(STEPS))
    settings = "\n".join(
        f"| `{p.name}` | `{p.default!r}` |" for p in inspect.signature(make).parameters.values()
    )
    return f"""
## {name}

{title}

```text
{body.strip()}
```

```text
{strip}
```

{method.predictor} at {method.granularity}.

| setting | default |
|---|---|
{settings}

```bibtex
{ft.citation(name)}
```
"""


def _exact(method: ft.Method) -> str:
    return "none" if method.predictor.exact < 0 else str(method.predictor.exact)


def _gain(method: ft.Method) -> str:
    """The range of the gain over the skipped steps that have all points."""
    predictor = method.predictor
    if not isinstance(predictor, ft.LinearPredictor):
        return "by features"
    computed = method.schedule.table(STEPS)
    gains = []
    for t in set(range(STEPS)) - set(computed):
        times = [float(i) for i in reversed(computed) if i < t][: predictor.points]
        if len(times) == predictor.points:
            gains.append(predictor.gain(times, float(t)))
    return f"{min(gains):.2f} to {max(gains):.2f}" if gains else "-"
