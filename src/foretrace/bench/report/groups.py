"""Which rows may be compared, which belong to one curve, and how each curve looks everywhere in the report.

A *group* holds the rows of one model, machine and setting: ratios are taken inside it only. A *series* holds
those rows of it that differ only in how often they compute: one method at one site, one peer, one sampler.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from foretrace.bench.report.svg import MARKS
from foretrace.bench.rows import Kind, Row

COLOURS = 8
CONTROLS = ("fewer-steps", "sampler")
KINDS = ("uncached", "fewer-steps", "sampler", "method", "peer")


@dataclass(frozen=True)
class Series:
    """Rows that are one curve. ``colour`` is that of the method, -1 for the page's ink; ``rows`` are places
    in the group's list, most computed steps first.
    """

    name: str
    kind: Kind
    colour: int
    mark: str
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """Rows that may be compared with each other."""

    rows: tuple[Row, ...]
    series: tuple[Series, ...]

    @property
    def uncached(self) -> Row | None:
        """The uncached run, if it is there."""
        return next((row for row in self.rows if row.kind == "uncached"), None)

    @property
    def order(self) -> list[int]:
        """Places of all rows, series by series."""
        return [i for one in self.series for i in one.rows]

    def series_of(self, place: int) -> Series:
        """The series that a row belongs to."""
        return next(one for one in self.series if place in one.rows)


def steps_computed(row: Row) -> int:
    """How many steps a row computed; runs without a method compute all of theirs."""
    return len(row.computed) if row.computed or not row.ran else row.steps


def group_rows(rows: Sequence[Row]) -> list[Group]:
    """Groups in the order of the file. Of two rows with one label the later one counts: it was run again."""
    newest = {(row.model, row.machine, row.setting, row.kind, row.label): row for row in rows}
    together: dict[tuple[str, ...], list[Row]] = {}
    for key, row in newest.items():
        together.setdefault(key[:3], []).append(row)
    colours = _colours(list(newest.values()))
    return [Group(tuple(some), _series(some, colours)) for some in together.values()]


def _colours(rows: list[Row]) -> dict[tuple[str, str], int]:
    """A number for every method, peer and sampler, the same in all groups."""
    found: dict[tuple[str, str], int] = {}
    for kind in ("method", "peer", "sampler"):
        for row in rows:
            if row.kind == kind:
                found.setdefault((kind, _method(row)), len(found))
    return found


def _method(row: Row) -> str:
    """The method's name. Of a control that has none, its label without the number of steps; of a profile
    with a label of its own, what stands there before a colon.
    """
    if row.method == "profile" and not row.label.startswith("profile:"):
        return row.label.partition(":")[0]
    return row.method or row.label.rstrip("0123456789 .-=,") or row.label


def _variant(row: Row) -> tuple[tuple[str, str], ...]:
    """The settings that make another curve: words, and the order. Other numbers say how often to compute."""
    return tuple(sorted((k, str(v)) for k, v in row.settings.items() if isinstance(v, str) or k == "order"))


def _series(rows: list[Row], colours: dict[tuple[str, str], int]) -> tuple[Series, ...]:
    keys: dict[tuple[Any, ...], list[int]] = {}
    for place, row in enumerate(rows):
        whole = row.kind in ("uncached", "fewer-steps")
        key = (row.kind, "" if whole else _method(row), () if whole else _variant(row))
        keys.setdefault(key, []).append(place)
    made: list[Series] = []
    for key in sorted(keys, key=lambda key: KINDS.index(key[0])):
        kind, method, variant = key
        places = sorted(keys[key], key=lambda i: -steps_computed(rows[i]))
        siblings = [other for other in keys if other[:2] == key[:2]]
        number = colours.get((kind, method), -1)
        shape = MARKS[(max(number, 0) // COLOURS + siblings.index(key)) % len(MARKS)]
        shape = {"fewer-steps": "cross", "sampler": "plus"}.get(kind, shape)
        name = {"uncached": "uncached", "fewer-steps": "fewer steps"}.get(kind) or _name(
            method, variant, [other[2] for other in siblings]
        )
        made.append(Series(name, kind, number % COLOURS if number >= 0 else -1, shape, tuple(places)))
    return tuple(made)


def _name(method: str, variant: tuple[tuple[str, str], ...], all_variants: list[Any]) -> str:
    """The method, with those words of its settings in which its variants differ."""
    told = [
        f"order {value}" if key == "order" else value
        for key, value in variant
        if any((key, value) not in other for other in all_variants)
    ]
    return f"{method} ({', '.join(told)})" if told else method
