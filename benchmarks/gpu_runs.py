"""Runs of one architecture: what each arm computes and keeps, then interleaved timed rounds."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from gpu_arms import Arm, NotRun, Worker, put_to_work
from gpu_clock import Clock
from gpu_models import Loop
from torch import nn

from foretrace.bench.memory import live_bytes, peak_bytes
from foretrace.macs import flop_counter, macs_so_far
from foretrace.models import find_stacks

WHOLE = 0.999
"""A call that executes this share of an uncached call's multiply-accumulates was computed."""
Around = Callable[[int, Callable[[], Any]], Any]


@dataclass
class Found:
    """An arm with what is known of it: facts by name, and the milliseconds of every call of timed runs."""

    arm: Arm
    worker: Worker | None = None
    status: str = "ok"
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    calls: list[list[float]] = field(default_factory=list)
    runs: list[float] = field(default_factory=list)

    def attempt(self, do: Callable[[], None]) -> None:
        """Do it; an arm that fails is let go and says why, and the others go on."""
        if self.status != "ok":
            return
        try:
            do()
        except Exception as error:
            told = str(error).strip().splitlines() or [""]
            self.status = "not run" if isinstance(error, NotRun) else "failed"
            self.reason = f"{type(error).__name__}: {told[0]}"
            self.worker = None
            release()


def release() -> None:
    """Give back what a run or an arm left."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def compiler_of(mode: str, backend: str) -> Callable[[nn.Module], None]:
    """What compiles every block of a model by itself, with CUDA graphs in mode "graphs"."""
    options = {"mode": "reduce-overhead"} if mode == "graphs" else {}

    def prepare(model: nn.Module) -> None:
        if mode == "eager":
            return
        for blocks in find_stacks(model).values():
            for block in blocks:
                block.compile(backend=backend, **options)

    return prepare


def start(
    arms: Sequence[Arm], model: nn.Module, steps: int, prepare: Callable[[nn.Module], None]
) -> list[Found]:
    """Every arm at work on a module of its own."""
    founds = [Found(arm) for arm in arms]
    for found in founds:

        def put(found: Found = found) -> None:
            found.worker = put_to_work(found.arm, model, steps, prepare)

        found.attempt(put)
    return founds


@torch.no_grad()
def run(worker: Worker, loop: Loop, around: Around) -> None:
    """One trajectory; ``around`` makes each call."""
    latent = loop.noise
    try:
        worker.before_run()
        for index in range(loop.steps):
            if latent.device.type == "cuda":
                torch.compiler.cudagraph_mark_step_begin()
            worker.before_call(index)
            inputs = loop.inputs(latent, index)
            output = around(index, lambda given=inputs: worker.module(**given)[0])
            latent = loop.advance(latent, output)
    finally:
        worker.after_run()


def examine(found: Found, loop: Loop, uncached: Found) -> None:
    """Count what each call executes, and the bytes that are alive near the end. Not timed, and eager."""
    spent: list[int] = []
    held: list[int] = []
    counter, device = flop_counter(), str(loop.noise.device)

    def around(index: int, call: Callable[[], Any]) -> Any:
        with counter:
            output = call()
        spent.append(macs_so_far(counter).total)
        if index == loop.steps - 2:
            held.append(live_bytes(device))
        return output

    assert found.worker is not None
    release()
    before = live_bytes(device)
    run(found.worker, loop, around)
    found.facts |= {"macs_per_call": spent, "held_bytes": held[0] - before}
    full = uncached.facts["macs_per_call"]
    report = found.worker.report
    if report is None:
        computed = [i for i, own in enumerate(spent) if own >= WHOLE * full[i]]
        history, known_by = (
            held[0] - before - uncached.facts["held_bytes"],
            "live tensors near the end of a run",
        )
    else:
        computed, history, known_by = report.computed, report.history_bytes, "the report"
        found.facts["synchronisations"] = report.synchronisations
    found.facts |= {"computed": computed, "history_bytes": max(0, history), "history_known_by": known_by}


def time_rounds(founds: Sequence[Found], loop: Loop, rounds: int) -> None:
    """Two rounds to warm up, the second for the peak of memory; then every arm once in each of ``rounds``."""
    for number in range(-2, rounds):
        start_at = max(number, 0) % len(founds)
        for found in [*founds[start_at:], *founds[:start_at]]:
            release()
            if number < 0:
                found.attempt(lambda found=found: _warm(found, loop))
            else:
                found.attempt(lambda found=found: _time(found, loop))


def _warm(found: Found, loop: Loop) -> None:
    assert found.worker is not None
    with peak_bytes(str(loop.noise.device)) as peak:
        run(found.worker, loop, lambda index, call: call())
    found.facts["peak_bytes"] = peak[0] if peak else None


def _time(found: Found, loop: Loop) -> None:
    assert found.worker is not None
    clock = Clock(loop.noise.device)
    run(found.worker, loop, lambda index, call: clock.call(call))
    calls, whole = clock.read()
    found.calls.append(calls)
    found.runs.append(whole)
