"""The model of a bench: its pipeline, its task where it is a reference model, and its calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from foretrace.bench.controls import other_sampler
from foretrace.bench.spec import Spec
from foretrace.cli.calls import build_calls
from foretrace.cli.pipelines import load_pipeline, usual_call
from foretrace.demo.references import REFERENCES
from foretrace.demo.tasks import Task, load_task
from foretrace.errors import UnknownReference


@dataclass
class Subject:
    """A pipeline and, for a reference model whose judge is there, its task."""

    pipe: Any
    task: Task | None = None


def load_sampled(model: str, device: str | None, dtype: str, sampler: str = "") -> Any:
    """The pipeline ``model``, with ``sampler`` in the place of its own where one is named."""
    pipe = load_pipeline(model, device, dtype)
    if sampler:
        pipe.scheduler = other_sampler(sampler, pipe.scheduler)
    return pipe


def load_subject(model: str, device: str | None, dtype: str, sampler: str = "") -> Subject:
    """Load ``model``, see `load_pipeline` for what can go wrong. A missing judge only costs its metrics."""
    pipe = load_sampled(model, device, dtype, sampler)
    if model not in REFERENCES:
        return Subject(pipe)
    try:
        return Subject(pipe, load_task(model))
    except UnknownReference:
        return Subject(pipe)


def make_calls(pipe: Any, task: Task | None, spec: Spec, seed: int | None = None) -> list[dict[str, Any]]:
    """The calls of all samples: sample i has prompt or class i in turn, and the noise ``seed + i``.

    Without prompts a reference model is asked for what it was trained on.
    """
    prompts = list(spec.prompts)
    if not prompts and task is not None and task.argument == "prompt":
        prompts = task.conditions
    extra = usual_call(spec.model, spec.guidance) | dict(spec.extra)
    first = spec.seed if seed is None else seed
    return build_calls(pipe, prompts, spec.samples, spec.batch, spec.steps, first, extra)


@contextmanager
def parked(pipe: Any) -> Iterator[None]:
    """``pipe`` out of the GPU's memory for the length of a with block, to leave it to another process."""
    device = str(getattr(pipe, "device", "cpu"))
    if not device.startswith("cuda"):
        yield
        return
    pipe.to("cpu")
    try:
        yield
    finally:
        pipe.to(device)
