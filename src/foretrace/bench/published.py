"""What a paper's table is: its rows as data, each with how a bench would run it, or why it cannot.

The numbers are the paper's. They stand beside those of a bench and never in their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from foretrace.bench.entries import UNCACHED, Entry, control, parse_entry

Key = tuple[str, str]
"""Kind and label: what tells the rows of a bench apart."""

COST = {"macs_t": (1e12, "linear"), "macs_p": (1e15, "total"), "flops_t": (0.5e12, "total")}
"""Columns of cost: how many MACs their unit is, and in which convention the paper counts them."""
LATENCY = "latency_s"
QUALITIES = {
    "fid": ("FID", "frechet"),
    "sfid": ("sFID", "sfid"),
    "is": ("IS", "inception_score"),
    "clip_coco": ("CLIP COCO", "clip"),
    "clip_parti": ("CLIP Parti", ""),
    "clip": ("CLIP", "clip"),
    "image_reward": ("ImageReward", ""),
    "vbench": ("VBench", ""),
    "vram_gb": ("VRAM, GB", "peak_bytes"),
    "mse_44": ("MSE s=44", "mse_44"),
    "mse_28": ("MSE s=28", "mse_28"),
    "mse_6": ("MSE s=6", "mse_6"),
}
"""The other columns: how they are titled, and what of a bench's row stands beside them, if anything."""


@dataclass(frozen=True)
class Source:
    """Where numbers were printed, and where they were read if not there. ``place`` is section and page."""

    paper: str
    table: str
    place: str
    read_in: str = ""

    def __str__(self) -> str:
        seen = f"; read in {self.read_in}" if self.read_in else ""
        return f"{self.paper}, {self.table}, {self.place}{seen}"


@dataclass(frozen=True)
class PaperRow:
    """One row. ``values`` are in the order of the table's columns, None where the paper prints none.

    ``entry`` is the row of a bench that does the same, None where there is none; ``not_run`` says why.
    ``needs`` names the recipe that is missing then. ``computed`` is how many steps the published cost stands
    for. ``fit`` are settings of `foretrace.calibrate`, for a row that is calibrated before it is run.
    """

    label: str
    values: tuple[float | None, ...]
    entry: Entry | None = None
    not_run: str = ""
    needs: str = ""
    computed: int | None = None
    note: str = ""
    fit: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Kind and label of its row in a bench; the paper's label where nothing runs."""
        return (self.stand_in.kind, self.stand_in.label)

    @property
    def stand_in(self) -> Entry:
        """What a row that is not run is written as."""
        return self.entry or Entry("method", self.label)


@dataclass(frozen=True)
class PaperTable:
    """A table of a paper. ``model`` is what it was measured on, and ``hardware`` where.

    ``weights`` is the hub id of that model, ``reference`` the reference model that stands in for it, with
    ``extra`` arguments of a call on the weights. ``sampler`` names one to put in the place of the pipeline's,
    or is empty for the pipeline's own; ``sampled`` says what the paper used. ``measure`` is "rows" for what a
    bench runs, "distances" for mean squares between features of one uncached run.
    """

    name: str
    title: str
    source: Source
    model: str
    hardware: str
    weights: str
    reference: str
    sampled: str
    steps: int
    columns: tuple[str, ...]
    rows: tuple[PaperRow, ...]
    sampler: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    measure: str = "rows"
    notes: tuple[str, ...] = ()

    @property
    def base(self) -> PaperRow | None:
        """The uncached row, which ratios are taken to."""
        return next((row for row in self.rows if row.entry is UNCACHED), None)

    def value(self, row: PaperRow, column: str) -> float | None:
        """A published number, None where there is none."""
        return dict(zip(self.columns, row.values, strict=True)).get(column)

    def ratio(self, row: PaperRow, column: str) -> float | None:
        """The uncached row's number over this row's."""
        full = self.value(self.base, column) if self.base else None
        own = self.value(row, column)
        return full / own if full and own else None

    @property
    def cost(self) -> str | None:
        """The column of MACs or FLOPs, if there is one."""
        return next((column for column in self.columns if column in COST), None)

    def as_published(self, row: PaperRow) -> dict[str, Any]:
        """What a line of results keeps of the paper: whose numbers these are, and the numbers."""
        values = {k: v for k, v in zip(self.columns, row.values, strict=True) if v is not None}
        return {
            "table": self.name,
            "row": row.label,
            "source": str(self.source),
            "model": self.model,
            "values": values,
            "note": row.note,
        }


def uncached(label: str, *values: float | None, note: str = "") -> PaperRow:
    """The model as it is."""
    return PaperRow(label, values, UNCACHED, note=note)


def fewer(label: str, count: int, *values: float | None, sampler: str = "") -> PaperRow:
    """The same model with ``count`` sampler steps, of its own sampler or another."""
    return PaperRow(label, values, control(sampler, count), computed=count)


def method(label: str, call: str, computed: int | None, *values: float | None, note: str = "") -> PaperRow:
    """A recipe of foretrace, called as ``--methods`` spells it."""
    return PaperRow(label, values, parse_entry(call, "method"), computed=computed, note=note)


def absent(label: str, why: str, *values: float | None, needs: str = "") -> PaperRow:
    """A row that foretrace has no recipe for; ``needs`` is the name that one would have."""
    return PaperRow(label, values, not_run=why, needs=needs)
