"""Running the rows of a paper's table: what a bench is asked, and what is done before and beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from foretrace.bench.distances import measure_distances
from foretrace.bench.entries import Entry
from foretrace.bench.fits import fitted
from foretrace.bench.published import PaperRow, PaperTable
from foretrace.bench.rows import Row
from foretrace.bench.runner import run_bench
from foretrace.bench.spec import Spec
from foretrace.bench.subject import Subject
from foretrace.demo.references import REFERENCES
from foretrace.errors import InvalidSetting
from foretrace.offline.progress import Progress, silent

CHANGES_ROWS = {"set": "--set", "intervals": "--intervals"}


def asked_of(table: PaperTable, given: Mapping[str, Any]) -> dict[str, Any]:
    """What `make_spec` is given for ``table``: its rows, under everything that was ``given``.

    Methods that were given come after the table's. The table's call arguments hold for the weights of the
    paper; a reference model is called as it is meant to be.

    Raises:
        InvalidSetting: what was given would change the rows of the paper.
    """
    for key, flag in CHANGES_ROWS.items():
        if given.get(key):
            raise InvalidSetting(
                f"got {flag} with --table {table.name}; expected the paper's settings, under which its "
                "numbers were made. Leave it out, and pass other rows with --methods name:setting=value."
            )
    own: dict[str, Any] = {"model": table.reference, "steps": table.steps, "sampler": table.sampler}
    own |= {"fewer_steps": _counts(table), "samplers": _samplers(table)}
    own |= given
    own["methods"] = [*_methods(table), *given.get("methods", ())]
    if own["model"] not in REFERENCES:
        extra = {k: v for k, v in table.extra.items() if not (k == "guidance_scale" and "guidance" in given)}
        own["extra"] = extra | dict(given.get("extra", {}))
    return own


def run_table(table: PaperTable, spec: Spec, subject: Subject, progress: Progress = silent) -> list[Row]:
    """Run what the results file lacks of ``table``; returns all its rows of this setting and machine."""
    if table.measure == "distances":
        return measure_distances(spec, subject, progress, table)
    fits = [fitted(row, spec, subject, progress) for row in table.rows if row.fit]
    return run_bench(dataclasses.replace(spec, methods=(*spec.methods, *fits)), subject, progress, table)


def row_of(row: PaperRow, rows: list[Row]) -> Row | None:
    """The newest row of a bench that stands beside ``row``."""
    found = [one for one in rows if (one.kind, one.label) == row.key]
    return found[-1] if found else None


def _entries(table: PaperTable, *kinds: str) -> list[Entry]:
    return [row.entry for row in table.rows if row.entry is not None and row.entry.kind in kinds]


def _methods(table: PaperTable) -> list[str]:
    """Spelled as on the command line. A row that is fitted first is added once the model is there."""
    fits = [row.entry for row in table.rows if row.fit]
    return [entry.label for entry in _entries(table, "method") if entry not in fits]


def _counts(table: PaperTable) -> list[int]:
    found = {entry.steps for entry in _entries(table, "fewer-steps", "sampler")}
    return sorted((count for count in found if count is not None), reverse=True)


def _samplers(table: PaperTable) -> list[str]:
    return sorted({entry.name for entry in _entries(table, "sampler")})
