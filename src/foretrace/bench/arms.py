"""Putting a row's entry to work on a pipeline, for a measured call or a timed one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from foretrace.bench.controls import sampled_with
from foretrace.bench.entries import Entry, method_of
from foretrace.bench.memory import peak_bytes
from foretrace.bench.sampling import Sampled, call_pipeline, trace_pipeline
from foretrace.bench.trajectory import Noting
from foretrace.errors import NonFinite
from foretrace.granularity import PerModel
from foretrace.method import Method
from foretrace.offline.calls import Call
from foretrace.offline.collect import never_skip
from foretrace.profile import Profile
from foretrace.runtime import accelerate
from foretrace.runtime.handle import Handle
from foretrace.runtime.report import Report


@dataclass
class Probe:
    """The first call of a row: what it did, what it gave, and the most memory it took."""

    sampled: Sampled
    report: Report
    orders: list[float]
    peak: int | None


@contextmanager
def at_work(pipe: Any, entry: Entry, method: Method | Profile | None = None) -> Iterator[Handle | None]:
    """``entry`` on ``pipe``; ``method`` takes the place of its own."""
    with ExitStack() as stack:
        if entry.kind == "sampler":
            stack.enter_context(sampled_with(pipe, entry.name))
        if method is None and entry.kind == "method":
            method = method_of(entry)
        if method is None:
            yield None
        elif isinstance(method, Profile):
            yield stack.enter_context(accelerate(pipe, profile=method))
        else:
            yield stack.enter_context(accelerate(pipe, method))


def call_of(entry: Entry, call: Call) -> Mapping[str, Any]:
    """The call as this row makes it: a control has its own number of steps."""
    return dict(call) if entry.steps is None else {**call, "num_inference_steps": entry.steps}


def probe(pipe: Any, entry: Entry, call: Call) -> Probe:
    """Make the call once with everything watched; it also warms the row up."""
    method, notes = _noting(method_of(entry)) if entry.kind == "method" else (never_skip(PerModel()), None)
    with at_work(pipe, entry, method) as handle:
        assert handle is not None
        with peak_bytes(str(getattr(pipe, "device", "cpu"))) as peak:
            sampled = trace_pipeline(pipe, call_of(entry, call))
        report = handle.report
    check_finite(sampled, entry)
    return Probe(sampled, report, notes.orders() if notes else [], peak[0] if peak else None)


def check_finite(sampled: Sampled, entry: Entry) -> None:
    """Raise `NonFinite` if a sample holds NaN or inf: it has no quality."""
    if not bool(sampled.images.isfinite().all()):
        raise NonFinite(
            f"{entry.label} gave samples with NaN or inf; expected finite ones. Lower its order or interval."
        )


def seconds_of(pipe: Any, entry: Entry, call: Call) -> float:
    """The call once, with nothing watched; attaching is not timed."""
    with at_work(pipe, entry):
        return call_pipeline(pipe, call_of(entry, call)).seconds


def _noting(method: Method | Profile) -> tuple[Method | Profile, Noting]:
    """The method with its orders noted."""
    inner = method.method if isinstance(method, Profile) else method
    notes = Noting(inner.predictor)
    noted = dataclasses.replace(inner, predictor=notes)
    return (dataclasses.replace(method, method=noted) if isinstance(method, Profile) else noted), notes
