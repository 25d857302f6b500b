"""Factors of one even schedule, fitted gap by gap and by derivatives of whole runs: errors and runs.

Both begin at half a line in every gap. A line is one state of a fit: the error of the final latents on the
calls fitted on and on held-out ones, and the runs of one sample that it took beyond the recording. Judging
held-out calls is not counted; judging the others is, though a run that corrects judges too.
Run: python benchmarks/gap_fit.py --models shapes-dit shapes-flow
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from typing import Any

import torch
from record import RESULTS, cpu_name, write_lines
from task_table import SEARCH_SEED

from foretrace.demo.tasks import Task, load_task
from foretrace.offline.candidate import Candidate
from foretrace.offline.factors import factors_of
from foretrace.offline.gap_fit import GapFitter
from foretrace.offline.gauss_newton import Problem, line_search, normal_equations
from foretrace.offline.proposal import uniform
from foretrace.offline.search import Clock
from foretrace.offline.tuner import Tuner, prepare

COUNTS = {"shapes-dit": (8, 11), "shapes-flow": (7, 10)}
ENDLESS = Clock(math.inf)


def gap_by_gap(fitter: GapFitter, candidate: Candidate, rounds: int) -> Iterator[Candidate]:
    """The states of the fit, the first one included."""
    yield candidate
    for _ in range(rounds):
        (candidate,) = fitter.corrected([candidate], ENDLESS)
        yield candidate


def whole_runs(tuner: Tuner, candidate: Candidate, rounds: int) -> Iterator[Candidate]:
    """The same by Gauss-Newton steps."""
    problem = Problem(candidate.computed, tuner.steps, tuner.judge)
    factors = factors_of(candidate, tuner.steps)
    yield candidate
    for _ in range(rounds):
        normal = normal_equations(problem, factors, ENDLESS)
        assert normal is not None
        error = tuner.judge.error(problem.candidate(factors))
        factors, _ = line_search(problem, factors, error, *normal, ENDLESS)
        yield problem.candidate(factors)


def lines(task: Task, tuner: Tuner, count: int, rounds: dict[str, int]) -> Iterator[dict[str, Any]]:
    """One line a state."""
    fitter = GapFitter(tuner.judge, tuner.recording)
    first = fitter.start(uniform(tuner.steps, count))
    samples = sum(map(len, tuner.judge.references)) / len(tuner.judge.references)
    states = {
        "gap by gap": gap_by_gap(fitter, first, rounds["gap by gap"]),
        "whole runs": whole_runs(tuner, first, rounds["whole runs"]),
    }
    for kind, fit in states.items():
        began, before = time.monotonic(), tuner.judge.runs
        for number, candidate in enumerate(fit):
            runs, seconds = tuner.judge.runs - before, time.monotonic() - began
            found = {"error": tuner.judge.error(candidate), "held_out": tuner.held_out.error(candidate)}
            line = {"model": task.name, "computed": count, "fit": kind, "round": number} | found
            print(line, flush=True)
            yield line | {
                "runs": round(runs * samples),
                "seconds": round(seconds, 1),
                "explained": fitter.possible,
            }


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit factors in two ways.")
    parser.add_argument("--models", nargs="+", default=list(COUNTS))
    parser.add_argument("--samples", type=int, default=48)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=4, help="Gap by gap.")
    parser.add_argument("--whole", type=int, default=2, help="By whole runs.")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rows: list[dict[str, Any]] = []
    for name in args.models:
        task = load_task(name)
        numbers = [range(i, i + args.batch) for i in range(0, args.samples, args.batch)]
        tuner = prepare(task.pipe, [task.arguments(n, SEARCH_SEED, task.steps) for n in numbers], probes=0)
        rounds = {"gap by gap": args.rounds, "whole runs": args.whole}
        for count in COUNTS[name]:
            rows += lines(task, tuner, count, rounds)
            write_lines(RESULTS / "gap_fit.jsonl", rows, cpu_name())


if __name__ == "__main__":
    main()
