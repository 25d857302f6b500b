"""The process of one peer: the uncached run and the peer beside it, each on a pipeline of its own.

Run as ``python -m foretrace.bench.peers.measure request.json``; writes ``result.json`` and the samples of
every call beside the request.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from foretrace.bench.memory import peak_bytes
from foretrace.bench.origin import usual_steps
from foretrace.bench.peers.context import denoisers_of
from foretrace.bench.peers.counting import computed_steps, held_bytes, trace_counted
from foretrace.bench.peers.install import Host, install
from foretrace.bench.reason import reason_of
from foretrace.bench.sampling import call_pipeline
from foretrace.bench.spec import make_spec
from foretrace.bench.subject import load_sampled, load_subject, make_calls
from foretrace.bench.timing import timed_rounds
from foretrace.bench.trajectory import describe
from foretrace.macs import Macs
from foretrace.offline.calls import Call

Result = dict[str, Any]


def main(path: Path) -> None:
    """Measure what ``path`` asks for; a failure is a result too."""
    os.environ.setdefault("CACHE_DIT_LOG_LEVEL", "ERROR")
    request = json.loads(path.read_text())
    torch.set_num_threads(request["threads"])
    try:
        result = measure(request, path.parent)
    except Exception as error:  # a peer that fails is a row that says why
        result = {"status": "failed", "reason": reason_of(error)}
    (path.parent / "result.json").write_text(json.dumps(result))


def measure(request: dict[str, Any], folder: Path) -> Result:
    """What the peer did; the samples of its calls are written to ``folder``."""
    spec = make_spec(request["spec"])

    def load() -> Any:
        return load_sampled(spec.model, spec.device, spec.dtype, spec.sampler)

    subject = load_subject(spec.model, spec.device, spec.dtype, spec.sampler)
    plain = subject.pipe
    calls = make_calls(plain, subject.task, spec)
    steps = usual_steps(plain, calls)
    uncached, full = trace_counted(plain, denoisers_of(plain), calls[0])
    save_file({"images": uncached.images}, folder / "uncached.safetensors")
    pipe = isolated(load())
    before = held_bytes(plain, calls[0], steps)
    host = Host(pipe, load, calls[0], steps, _doubles(plain, calls[0], len(uncached.images)))
    denoisers = denoisers_of(pipe)  # before the peer hides what a denoiser looks like
    install(request["peer"], host, _tuples(request["settings"]))
    sampled, macs = trace_counted(pipe, denoisers, calls[0])
    save_file({"images": sampled.images}, folder / "call-0.safetensors")
    computed = computed_steps(macs, full)
    result = {
        "status": "ok",
        "computed": computed,
        "macs": _total(macs),
        "macs_full": _total(full),
        "trajectory": describe(sampled.steps, uncached.steps),
        "notes": host.notes,
    }
    reason = _no_effect(bool(torch.equal(sampled.images, uncached.images)), len(computed) == steps)
    if reason:
        return result | {"status": "no effect", "reason": reason}
    with peak_bytes(str(getattr(pipe, "device", "cpu"))) as peak:
        after = held_bytes(pipe, calls[0], steps)
    held = max((own - other for own, other in zip(after, before, strict=True)), default=0)
    result |= {"history_bytes": max(0, held), "peak_bytes": peak[0] if peak else None}
    result |= _timed(plain, pipe, calls[0], spec.rounds)
    for number, call in enumerate(calls[1:], start=1):
        save_file({"images": call_pipeline(pipe, call).images}, folder / f"call-{number}.safetensors")
    return result


def isolated(pipe: Any) -> Any:
    """``pipe`` with a class of its own: cache-dit replaces its class's ``__call__``, for all pipelines."""
    kind = type(pipe)
    pipe.__class__ = type(kind.__name__, (kind,), {"__module__": kind.__module__})
    return pipe


def _no_effect(same: bool, all_computed: bool) -> str:
    if same:
        return "its samples equal the uncached ones bit for bit"
    return "no step was skipped, in whole or in part" if all_computed else ""


def _timed(plain: Any, pipe: Any, call: Call, rounds: int) -> Result:
    def run(one: Any) -> Callable[[], float]:
        return lambda: call_pipeline(one, call).seconds

    full, seconds, failures = timed_rounds(run(plain), {"peer": run(pipe)}, rounds)
    if failures:
        raise failures["peer"]
    return {"uncached_seconds": full, "seconds": seconds["peer"]}


def _total(macs: Sequence[Macs]) -> dict[str, int]:
    return {"linear": sum(one.linear for one in macs), "total": sum(one.total for one in macs)}


def _doubles(pipe: Any, call: Call, samples: int) -> bool:
    """Whether guidance makes the denoiser's batch twice the samples."""
    seen: list[int] = []

    def look(module: Any, args: Any, kwargs: Any) -> None:
        latents = kwargs.get("hidden_states", args[0] if args else None)
        seen.append(len(latents) if isinstance(latents, torch.Tensor) else samples)

    handles = [d.register_forward_pre_hook(look, with_kwargs=True) for d in denoisers_of(pipe)]
    try:
        call_pipeline(pipe, {**call, "num_inference_steps": 2})
    finally:
        for handle in handles:
            handle.remove()
    return bool(seen) and seen[0] == 2 * samples


def _tuples(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as they were before JSON made lists of their tuples."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
