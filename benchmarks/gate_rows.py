"""Gates against static schedules at equal average computed steps, on a reference model.

Every sample decides for itself, as if it were alone. The threshold that gives so many computed steps on
average is found on other noises than those of the rows. Beside them: schedules spread evenly or at one
stride, and the sampler with fewer steps. With some `--gates` only, the other lines of the results stay.
Run: python benchmarks/gate_rows.py --model shapes-dit --counts 8 11 14 18
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from record import RESULTS, cpu_name, replace_lines, write_lines
from task_table import SEARCH_SEED, TEST_SEED, Table

import foretrace as ft
from foretrace.demo.tasks import load_task
from foretrace.offline.progress import console
from foretrace.offline.proposal import even_schedules

STATIC: dict[str, ft.Predictor] = {
    "reuse": ft.Reuse(),
    "Lagrange 1": ft.Lagrange(1),
    "Lagrange 2": ft.Lagrange(2),
    "soft order 2": ft.SoftLagrange(2),
    "TraCache, order up to 4": ft.AdaptiveLagrange(4),
}
Maker = Callable[[float], ft.Method]


def own(name: str, knob: str = "threshold", **settings: Any) -> Maker:
    """The recipe as published, every sample for itself."""

    def make(value: float) -> ft.Method:
        method = ft.load_method(name, **{knob: value}, **settings)
        return replace(method, gate=replace(method.gate, reduce="sample"))

    return make


def forecasting(name: str, predictor: ft.Predictor, **settings: Any) -> Maker:
    """The recipe's gate with another predictor in place of reuse."""
    make = own(name, **settings)
    return lambda value: replace(make(value), predictor=predictor)


GATES: dict[str, Maker] = {
    "error_estimate, order 1": own("error_estimate", "tolerance", order=1),
    "error_estimate, order 2": own("error_estimate", "tolerance", order=2),
    "teacache": own("teacache"),
    "teacache, Lagrange 1": forecasting("teacache", ft.Lagrange(1)),
    "firstblock": own("firstblock"),
    "firstblock, Lagrange 1": forecasting("firstblock", ft.Lagrange(1)),
    "easycache": own("easycache", granularity="model"),
    "seacache": own("seacache"),
    "dicache, reuse": own("dicache", residual="reused"),
    "cg_taylor": own("cg_taylor"),
}


def amplified(table: Table, order: int, samples: int) -> Maker:
    """Ours with the amplification of every step measured on other noises."""
    calls = [
        table.task.arguments(range(start, start + 2), SEARCH_SEED, table.steps)
        for start in range(0, max(samples, 6), 2)
    ]
    profile = ft.fit(table.task.pipe, ft.load_method("error_estimate", order=order), calls, progress=console)
    gate = profile.method.gate
    assert isinstance(gate, ft.ErrorEstimate)
    return lambda value: replace(
        profile.method, gate=replace(gate, tolerance=value, reduce="sample"), name="error_estimate"
    )


class GateTable(Table):
    """Rows whose number of computed steps is an average over samples."""

    def run(self, method: ft.Method, samples: int, seed: int) -> tuple[torch.Tensor, float]:
        """The samples, and the computed steps of an average one."""
        parts, computed = [], 0.0
        for start in range(0, samples, self.batch):
            numbers = range(start, min(samples, start + self.batch))
            with ft.accelerate(self.task.pipe, method) as run:
                parts.append(self.task.draw(self.task.arguments(numbers, seed, self.steps)))
            computed += run.report.mean_computed * len(numbers)
        return torch.cat(parts), computed / samples

    def threshold(self, make: Maker, count: int, samples: int, rounds: int = 9) -> float:
        """The threshold at which other samples compute about ``count`` steps, by bisection of its
        logarithm.
        """
        low, high = math.log(1e-5), math.log(10.0)
        for _ in range(rounds):
            middle = (low + high) / 2
            computed = self.run(make(math.exp(middle)), samples, SEARCH_SEED)[1]
            if abs(computed - count) < 0.15:
                break
            low, high = (middle, high) if computed > count else (low, middle)
        return math.exp(middle)

    def gate(self, label: str, make: Maker, count: int, fit_samples: int) -> None:
        """One row of a gate at about ``count`` computed steps."""
        value = self.threshold(make, count, fit_samples)
        images, computed = self.run(make(value), self.samples, TEST_SEED)
        self.add(label, list(range(round(computed))), images, threshold=value, target=count)
        self.rows[-1] |= {"computed": computed, "computed_steps": None}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="shapes-dit")
    parser.add_argument("--counts", type=int, nargs="+", default=[8, 11, 14, 18])
    parser.add_argument("--gates", nargs="+", default=list(GATES), choices=list(GATES))
    parser.add_argument("--fit-samples", type=int, default=6)
    parser.add_argument("--samples", type=int, default=36)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    table = GateTable(load_task(args.model), args.samples, args.batch)
    makers = {name: GATES[name] for name in args.gates}
    for order in (1, 2):
        makers[f"error_estimate, order {order}, amplified"] = amplified(table, order, args.fit_samples)
    for count in args.counts:
        schedules = even_schedules(table.steps, count)
        for label, computed in (("spread evenly", schedules[0]), ("one stride", schedules[-1])):
            for name, predictor in STATIC.items():
                table.method(f"{label}, {name}", ft.Method(ft.Mask(computed), predictor), target=count)
        table.add("fewer steps", list(range(count)), table.draw(count), target=count)
        for name, make in makers.items():
            table.gate(name, make, count, args.fit_samples)
    path = RESULTS / f"gates_{args.model.replace('-', '_')}.jsonl"
    if path.is_file() and len(args.gates) < len(GATES):
        replace_lines(path, table.rows, cpu_name(), ("label", "target"))
    else:
        write_lines(path, table.rows, cpu_name())


if __name__ == "__main__":
    main()
