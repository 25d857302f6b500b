"""How far a feature moves over an interval of one uncached run, as papers tabulate it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from foretrace.bench.bench import Bench, prepare
from foretrace.bench.bootstrap import bootstrap
from foretrace.bench.published import PaperRow, PaperTable
from foretrace.bench.reasons import LEFT_OUT
from foretrace.bench.rows import Row
from foretrace.bench.spec import Spec
from foretrace.bench.subject import Subject
from foretrace.granularity import PerStack
from foretrace.history import Feature, SiteKey, Step
from foretrace.offline.collect import never_skip, observing
from foretrace.offline.progress import Progress
from foretrace.offline.sampling import sample

Pair = tuple[int, int]


class Distances:
    """Mean squares between a feature at pairs of steps, earlier step first; one site and one branch."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = pairs
        self.squares: dict[Pair, list[float]] = {pair: [] for pair in pairs}
        self._kept: dict[int, Tensor] = {}

    def computed(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Compare with the earlier steps of its pairs. The last stream is the one that leaves the blocks."""
        if site.branch or site.number:
            return
        own = feature[-1].detach().float()
        for early, late in self.pairs:
            if late == step.index:
                apart = (own - self._kept[early]).square().flatten(1).mean(dim=1)
                self.squares[early, late] += apart.tolist()
        if any(step.index == early for early, _ in self.pairs):
            self._kept[step.index] = own.clone()

    def forecast(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Nothing: the run is uncached."""


def measure_distances(spec: Spec, subject: Subject, progress: Progress, table: PaperTable) -> list[Row]:
    """One row an interval, from the calls of a bench; returns all rows of this setting and machine."""
    bench = prepare(spec, subject, progress, table)
    missing = [row for row in table.rows if not bench.is_done(row.stand_in)]
    wanted = {row.label: _pairs(row, table, bench.steps) for row in missing}
    seen = Distances([pair for pairs in wanted.values() for pair in pairs.values()])
    if seen.pairs:
        with progress("uncached", len(bench.calls)) as advance, torch.no_grad():
            for call in bench.calls:
                with observing(bench.pipe, never_skip(PerStack()), seen):
                    sample(bench.pipe, call)
                advance(1)
    for row in missing:
        _write(bench, row, {name: seen.squares[pair] for name, pair in wanted[row.label].items()})
    return bench.rows()


def _pairs(row: PaperRow, table: PaperTable, steps: int) -> dict[str, Pair]:
    """Column to the pair of step indices: the paper counts steps down to 0, and names the later one."""
    interval = int(row.label.split()[-1])
    late = {name: table.steps - 1 - int(name.rpartition("_")[2]) for name in table.columns}
    return {name: (one - interval, one) for name, one in late.items() if one < steps and one >= interval}


def _write(bench: Bench, row: PaperRow, squares: dict[str, list[float]]) -> None:
    if not squares:
        bench.write(row.stand_in, status="not run", reason=LEFT_OUT)
        return
    notes = ["mean squares between what leaves the stack of blocks at two steps of the uncached run"]
    quality = {name: bootstrap(values) for name, values in squares.items()}
    computed = list(range(bench.steps))
    bench.write(row.stand_in, computed=computed, quality=quality, about={"notes": notes})
