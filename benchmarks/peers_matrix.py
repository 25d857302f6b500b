"""Which cache methods work on which denoiser class: diffusers' six, cache-dit on the transformer, foretrace.

Every class of diffusers, tiny and random, in a process of its own. Per method: how many modules are hooked,
whether anything is skipped in a run of eight calls (by counting calls of layers with weights), whether
computing every step gives the uncached output bit for bit, and how far a run of equal inputs is off, which
no skip may be. Run: python benchmarks/peers_matrix.py [class ...]
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from peers_calls import PEERS, STEPS, Peer, opened
from record import RESULTS, cpu_name, write_lines
from rich.progress import track
from torch import Tensor, nn

from foretrace.runtime.packing import unpack

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from zoo import CASES

LIMIT = 300.0
"""Seconds for one class."""
RUN = tuple(1.0 - (i + 0.5) / STEPS for i in range(STEPS))
STANDSTILL = tuple((STEPS - i) * 1e-30 for i in range(STEPS))
"""Falling times so close to zero that every embedding of them is the same."""
WITH_WEIGHTS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)

Outputs = list[tuple[Tensor, ...]]


@torch.no_grad()
def run(name: str, model: nn.Module, times: Sequence[float], context: bool) -> Outputs:
    """What the calls of one run return, copied."""
    outputs = []
    for step, t in enumerate(times):
        with opened(model, step, context):
            outputs.append(tuple(x.clone() for x in unpack(model(**CASES[name].call(t)), name)[0]))
    return outputs


@contextlib.contextmanager
def layer_calls(model: nn.Module) -> Iterator[Callable[[], int]]:
    """Counts the calls of layers with weights; the value is a function that gives the count."""
    count = [0]

    def note(*_: Any) -> None:
        count[0] += 1

    layers = [layer for layer in model.modules() if isinstance(layer, WITH_WEIGHTS)]
    handles = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        yield lambda: count[0]
    finally:
        for handle in handles:
            handle.remove()


def hooked(model: nn.Module) -> int:
    """Modules that a method of diffusers has put a hook on."""
    registries = (getattr(module, "_diffusers_hook", None) for module in model.modules())
    return sum(bool(registry and registry.hooks) for registry in registries)


def apart(got: Outputs, expected: Outputs) -> float:
    """The largest relative L2 distance over calls and streams."""
    pairs = [p for a, b in zip(got, expected, strict=True) for p in zip(a, b, strict=True)]
    return max(float((a - b).norm() / b.norm()) for a, b in pairs)


def same(got: Outputs, expected: Outputs) -> bool:
    """Whether all calls are equal bit for bit."""
    return all(
        torch.equal(a, b) for x, y in zip(got, expected, strict=True) for a, b in zip(x, y, strict=True)
    )


def attempt(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The measurement, or the error that came instead."""
    try:
        return measure()
    except Exception as error:  # a peer may raise anything
        first = str(error).strip().split("\n")[0]
        return {"error": f"{type(error).__name__}: {first[:160]}"}


def skipping(name: str, peer: Peer, reference: Outputs, full: int) -> dict[str, Any]:
    """A run that skips what it can: hooks, the share of layer calls made, the error at standstill."""
    model = CASES[name].build()
    with layer_calls(model) as calls:
        peer.skip(model)
        hooks = hooked(model)
        run(name, model, RUN, peer.context)
        share = calls() / full
    model = CASES[name].build()
    peer.skip(model)
    off = apart(run(name, model, STANDSTILL, peer.context), reference)
    return {"hooks": hooks, "computed": round(share, 4), "skip_error": off}


def computing(name: str, peer: Peer, reference: Outputs) -> dict[str, Any]:
    """Whether a run that computes every step is the uncached one."""
    model = CASES[name].build()
    peer.compute(model)
    return {"always_equal": same(run(name, model, RUN, peer.context), reference)}


def rows_of(name: str) -> list[dict[str, Any]]:
    """The row of every method on the class ``name``."""
    model = CASES[name].build()
    with layer_calls(model) as calls:
        moving = run(name, model, RUN, False)
        full = calls()
    still = run(name, model, STANDSTILL, False)
    rows = []
    for method, peer in PEERS.items():
        skip = attempt(lambda peer=peer: skipping(name, peer, still, full))
        compute = attempt(lambda peer=peer: computing(name, peer, moving))
        compute_error = {"compute_error": compute.pop("error")} if "error" in compute else {}
        rows.append({"class": name, "method": method, **skip, **compute, **compute_error})
    return rows


def child(name: str, pipe: Connection) -> None:
    """Measure one class and send its rows; peers may print and warn as they like."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        pipe.send(rows_of(name))


def in_a_process(name: str) -> list[dict[str, Any]]:
    """The rows of ``name``, whatever happens to the process that makes them."""
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=child, args=(name, sender))
    process.start()
    sender.close()
    try:
        if receiver.poll(LIMIT):
            return receiver.recv()
        why = f"no answer in {LIMIT:g} s"
    except EOFError:
        why = "the process ended"
    finally:
        process.kill()
        process.join()
    return [{"class": name, "method": method, "error": why} for method in PEERS]


def main() -> None:
    """Measure the classes of the command line, or all and write them."""
    torch.set_num_threads(1)
    chosen = sys.argv[1:] or list(CASES)
    rows = [row for name in track(chosen, "classes") for row in in_a_process(name)]
    if sys.argv[1:]:
        print(*rows, sep="\n")
    else:
        write_lines(RESULTS / "peers_matrix.jsonl", rows, cpu_name())


if __name__ == "__main__":
    main()
