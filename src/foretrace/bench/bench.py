"""A bench made ready: model, calls, uncached samples, metrics, and the rows that are done already."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretrace.bench import origin
from foretrace.bench.entries import Entry
from foretrace.bench.published import PaperTable
from foretrace.bench.quality.networks import Network
from foretrace.bench.quality.panel import Panel, make_panel
from foretrace.bench.quality.reference import Reference, load_reference, reference_of, see_frames
from foretrace.bench.reason import reason_of
from foretrace.bench.rows import Row, read_rows, write_row
from foretrace.bench.sampling import decodes
from foretrace.bench.spec import Spec
from foretrace.bench.store import Store
from foretrace.bench.subject import Subject, make_calls
from foretrace.offline.progress import Progress

RESULTS = "bench.jsonl"


@dataclass
class Bench:
    """What the rows of one bench share. ``about`` is their provenance, ``steps`` the uncached run's.

    ``paper`` is the table whose numbers stand beside them.
    """

    spec: Spec
    pipe: Any
    calls: list[dict[str, Any]]
    panel: Panel
    store: Store
    machine: str
    setting: str
    about: Mapping[str, Any]
    steps: int
    progress: Progress
    paper: PaperTable | None = None

    @property
    def path(self) -> Path:
        """The results file."""
        return self.spec.out / RESULTS

    def rows(self) -> list[Row]:
        """The rows of this setting and machine in the results file."""
        found = read_rows(self.path) if self.path.is_file() else []
        return [row for row in found if (row.machine, row.setting) == (self.machine, self.setting)]

    def is_done(self, entry: Entry) -> bool:
        """Whether the results file has the row."""
        return any((row.kind, row.label) == (entry.kind, entry.label) for row in self.rows())

    def write(self, entry: Entry, **found: Any) -> Row:
        """Append the row of ``entry`` with what was found."""
        about = dict(self.about) | found.pop("about", {})
        common = {
            "kind": entry.kind,
            "label": entry.label,
            "model": self.spec.model,
            "steps": entry.steps or self.steps,
            "samples": self.spec.samples,
            "method": entry.name if entry.kind in ("method", "peer") else "",
            "settings": dict(entry.settings),
            "machine": self.machine,
            "setting": self.setting,
            "published": self._published(entry),
        }
        row = Row(**common | found, about=about)
        write_row(row, self.path)
        return row

    def _published(self, entry: Entry) -> dict[str, Any]:
        """What the paper has for ``entry``."""
        if self.paper is None:
            return {}
        found = [row for row in self.paper.rows if row.key == (entry.kind, entry.label)]
        return self.paper.as_published(found[0]) if found else {}

    def fail(self, entry: Entry, error: Exception) -> Row:
        """Append a row that says why there is none."""
        return self.write(entry, status="failed", reason=reason_of(error))


def prepare(spec: Spec, subject: Subject, progress: Progress, paper: PaperTable | None = None) -> Bench:
    """Everything that all rows share, except the uncached samples."""
    pipe = subject.pipe
    calls = make_calls(pipe, subject.task, spec)
    panel = make_panel(spec, subject.task, calls, decodes(calls[0]))
    machine = origin.machine(str(getattr(pipe, "device", "cpu")))
    setting = origin.digest(origin.setting(pipe, calls, spec, panel.network_name))
    store = Store(spec.out / "uncached", setting)
    about = origin.provenance(pipe, calls, spec, panel.network_name)
    steps = origin.usual_steps(pipe, calls)
    return Bench(
        spec, pipe, calls, panel, store, origin.digest(machine), setting, about, steps, progress, paper
    )


def with_reference(bench: Bench, task: Any) -> Bench:
    """``bench`` with its uncached samples made and what distributions are compared with."""
    with bench.progress("uncached", len(bench.calls)) as advance:
        for call in bench.calls:
            bench.store.images(bench.pipe, call)
            advance(1)
    network = bench.panel.network
    if network is None:
        return bench
    return dataclasses.replace(
        bench, panel=dataclasses.replace(bench.panel, reference=_reference(bench, task, network))
    )


def _reference(bench: Bench, task: Any, network: Network) -> Reference:
    spec, calls = bench.spec, bench.calls
    if spec.reference not in ("uncached", "other-seeds"):
        height, width = bench.store.images(bench.pipe, calls[0]).shape[-2:]
        return load_reference(Path(spec.reference), network, (height, width))
    paired = spec.reference == "uncached"
    if not paired:
        calls = make_calls(bench.pipe, task, spec, seed=spec.seed + spec.samples)
    seen = []
    with bench.progress("reference", len(calls)) as advance:
        for call in calls:
            seen.append(see_frames(network, bench.store.images(bench.pipe, call)))
            advance(1)
    return reference_of(seen, paired)
