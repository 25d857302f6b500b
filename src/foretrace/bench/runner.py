"""Running a bench: peers in their processes, then every other row in this one, interleaved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file

from foretrace.bench.arms import Probe, probe, seconds_of
from foretrace.bench.bench import Bench, prepare, with_reference
from foretrace.bench.controls import make_controls
from foretrace.bench.entries import UNCACHED, Entry
from foretrace.bench.finish import finish_peer, finish_row
from foretrace.bench.peers.launch import measured
from foretrace.bench.published import PaperTable
from foretrace.bench.reasons import LEFT_OUT
from foretrace.bench.rows import Row
from foretrace.bench.spec import Spec
from foretrace.bench.subject import Subject, parked
from foretrace.bench.timing import release, timed_rounds
from foretrace.offline.progress import Progress, silent

Probes = list[tuple[Entry, Probe]]


def run_bench(
    spec: Spec, subject: Subject, progress: Progress = silent, paper: PaperTable | None = None
) -> list[Row]:
    """Run what the results file in ``spec.out`` lacks; returns all its rows of this setting and machine.

    A row that fails says why and the bench goes on. An interrupt loses the row that was being measured: run
    again, and the bench goes on there. The rows of ``paper`` have its numbers beside them, and those of its
    rows that ``spec`` does not ask for say why.
    """
    bench = prepare(spec, subject, progress, paper)
    _run_missing(bench, subject)
    if paper is not None:
        write_absent(bench, paper)
    return bench.rows()


def write_absent(bench: Bench, paper: PaperTable) -> None:
    """Rows for what a paper has and this bench did not run."""
    for row in paper.rows:
        if not bench.is_done(row.stand_in):
            bench.write(row.stand_in, status="not run", reason=row.not_run or LEFT_OUT)


def _run_missing(bench: Bench, subject: Subject) -> None:
    spec = bench.spec
    first = [entry for entry in (UNCACHED, *spec.methods) if not bench.is_done(entry)]
    peers = [entry for entry in spec.peers if not bench.is_done(entry)]
    controls = _controls(bench, [])
    if not first and not peers and all(bench.is_done(entry) for entry in controls):
        return
    bench = with_reference(bench, subject.task)
    for entry in peers:
        _run_peer(bench, entry)
    uncached = probe(bench.pipe, UNCACHED, bench.calls[0])
    probes = _probe_all(bench, [entry for entry in first if entry is not UNCACHED])
    controls = [entry for entry in _controls(bench, probes) if not bench.is_done(entry)]
    probes += _probe_all(bench, controls)
    _time_and_finish(bench, uncached, probes)


def _controls(bench: Bench, probes: Probes) -> list[Entry]:
    """The controls for every number of computed steps, of rows in the file and of those just probed."""
    counts = {
        len(row.computed) for row in bench.rows() if row.kind in ("method", "peer") and row.status == "ok"
    }
    counts |= {len(found.report.computed) for _, found in probes}
    return make_controls(bench.spec, bench.pipe.scheduler, bench.steps, counts)


def _run_peer(bench: Bench, entry: Entry) -> None:
    with bench.progress(entry.label, len(bench.calls)) as advance, parked(bench.pipe):
        try:
            with measured(entry, bench.spec, advance) as (result, folder):
                finish_peer(bench, entry, result, _reader(folder))
        except Exception as error:  # a row says why; the others go on
            bench.fail(entry, error)


def _reader(folder: Path) -> Callable[[str], torch.Tensor]:
    return lambda name: load_file(folder / f"{name}.safetensors")["images"]


def _probe_all(bench: Bench, entries: Sequence[Entry]) -> Probes:
    """The first call of each; those that fail become rows at once."""
    found: Probes = []
    with bench.progress("first calls", len(entries)) as advance:
        for entry in entries:
            try:
                found.append((entry, probe(bench.pipe, entry, bench.calls[0])))
            except Exception as error:  # unsupported here, out of memory, not finite: a row says so
                bench.fail(entry, error)
                release()
            advance(1)
    return found


def _time_and_finish(bench: Bench, uncached: Probe, probes: Probes) -> None:
    """Timed rounds of all rows together, then the samples of each, row by row."""
    pipe, call, rounds = bench.pipe, bench.calls[0], bench.spec.rounds

    def timed(entry: Entry) -> Callable[[], float]:
        return lambda: seconds_of(pipe, entry, call)

    with bench.progress("timed rounds", rounds) as advance:
        runs = {entry.label: timed(entry) for entry, _ in probes}
        full, seconds, failures = timed_rounds(timed(UNCACHED), runs, rounds, advance)
    rows = probes if bench.is_done(UNCACHED) else [(UNCACHED, uncached), *probes]
    for entry, found in rows:
        try:
            if entry.label in failures:
                raise failures[entry.label]
            finish_row(bench, entry, found, uncached, seconds.get(entry.label, full), full)
        except Exception as error:
            bench.fail(entry, error)
            release()
