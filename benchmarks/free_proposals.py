"""Schedules proposed with factors, before and after these are fitted gap by gap; no schedule is searched.

Beside them the proposals for a line and a parabola, as they are and with factors fitted, and an even schedule
with a line. A row's error is on pictures of other noises than the recording's; ``runs`` are those of one
sample that the fit took beyond the recording and the probes of the amplification.
Run: python benchmarks/free_proposals.py --models shapes-dit shapes-flow
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator

import torch
from record import RESULTS, cpu_name, write_lines
from task_table import Table

import foretrace as ft
from foretrace.demo.tasks import load_task
from foretrace.offline.candidate import Candidate
from foretrace.offline.free_proposal import POWERS, propose_with_factors
from foretrace.offline.gap_fit import GapFitter
from foretrace.offline.proposal import propose, uniform
from foretrace.offline.search import Clock
from foretrace.offline.tuner import Tuner

COUNTS = {"shapes-dit": (8, 11, 14, 18), "shapes-flow": (7, 10, 14)}


def starts(tuner: Tuner, count: int) -> Iterator[tuple[str, Candidate, Candidate]]:
    """Label, a proposal with its own forecast, and the schedule with the factors that a fit begins with."""
    gram, fitter = tuner.recording.gram(), GapFitter(tuner.judge, tuner.recording)
    for predictor in (ft.Lagrange(1), ft.Lagrange(2)):
        computed = tuple(propose(gram, predictor, count, tuner.amplification))
        yield f"proposed for {predictor}", Candidate(computed, predictor), fitter.start(computed)
    for power in POWERS:
        found = propose_with_factors(gram, count, tuner.amplification, power)
        if found is not None:
            yield f"proposed with factors, power {power:g}", found, found


def candidates(tuner: Tuner, count: int) -> Iterator[tuple[str, Candidate, int]]:
    """Label, schedule with forecast, and the runs of one sample that its fit took."""
    even = tuple(uniform(tuner.steps, count))
    yield "even", Candidate(even, ft.Lagrange(1)), 0
    fitter, samples = GapFitter(tuner.judge, tuner.recording), len(tuner.judge.references[0])
    for label, proposed, start in starts(tuner, count):
        yield label, proposed, 0
        before = tuner.judge.runs
        ((_, fitted),) = fitter.fit([start], Clock(math.inf))
        yield f"{label}, fitted", fitted, (tuner.judge.runs - before) * samples


def main() -> None:
    parser = argparse.ArgumentParser(description="Proposals with factors.")
    parser.add_argument("--models", nargs="+", default=list(COUNTS))
    parser.add_argument("--counts", type=int, nargs="*", help="Those of the models without.")
    parser.add_argument("--search-samples", type=int, default=48, help="A third is not fitted on.")
    parser.add_argument("--search-batch", type=int, default=4)
    parser.add_argument("--samples", type=int, default=48)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rows = []
    for name in args.models:
        table = Table(load_task(name), args.samples, args.batch)
        tuner = table.tuner(args.search_samples, args.search_batch)
        for count in args.counts or COUNTS[name]:
            for label, candidate, runs in candidates(tuner, count):
                method = ft.Method(ft.Mask(candidate.computed), candidate.predictor)
                table.method(label, method, asked=count, runs=runs)
            write_lines(RESULTS / "free_proposals.jsonl", [*rows, *table.rows], cpu_name())
        rows += table.rows


if __name__ == "__main__":
    main()
