"""The metrics of one bench: which can be had on this model and machine, and why the others cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from foretrace.bench.quality.networks import Network, find_network
from foretrace.bench.quality.perceptual import load_clip, load_lpips
from foretrace.bench.quality.reference import Reference
from foretrace.bench.spec import Spec
from foretrace.demo.tasks import Task
from foretrace.errors import ForetraceError
from foretrace.offline.calls import Call

SMALLEST = 11
"""The window of SSIM in pixels."""
OF_NETWORK = ("frechet", "sfid", "inception_score", "kid")
OF_PICTURES = ("psnr", "ssim", "lpips", *OF_NETWORK, "clip", "task")


@dataclass(frozen=True)
class Panel:
    """What judges samples. ``missing`` maps a metric that was asked for to why it cannot be had."""

    names: tuple[str, ...]
    decoded: bool = True
    network: Network | None = None
    network_name: str = ""
    lpips: Callable[[Tensor, Tensor], Tensor] | None = None
    clip: Callable[[Tensor, Sequence[str]], Tensor] | None = None
    task: Task | None = None
    reference: Reference | None = None
    missing: Mapping[str, str] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether a metric was asked for and can be had."""
        return name in self.names and name not in self.missing


def make_panel(spec: Spec, task: Task | None, calls: Sequence[Call], decoded: bool) -> Panel:
    """The metrics of ``spec``; for each that cannot be had a reason is kept, and nothing is raised.

    Raises:
        ForetraceError: a network or CLIP model that was asked for by name does not load.
    """
    missing: dict[str, str] = {}
    if not decoded:
        missing = dict.fromkeys(OF_PICTURES, "the calls give latents, not pictures (output_type=latent)")
        return Panel(spec.metrics, False, missing=_asked(spec, missing))
    network, network_name, lpips, clip = None, "", None, None
    if any(name in spec.metrics for name in OF_NETWORK):
        try:
            network_name, network = find_network(spec.network, task)
        except ForetraceError as error:
            if spec.network != "auto":
                raise
            missing |= dict.fromkeys(OF_NETWORK, str(error))
    if "lpips" in spec.metrics:
        try:
            lpips = load_lpips()
        except ForetraceError as error:
            missing["lpips"] = str(error)
    if spec.clip is None:
        missing["clip"] = "no CLIP model was given (--clip FOLDER)"
    elif "prompt" not in calls[0]:
        missing["clip"] = "the calls have no prompts"
    else:
        clip = load_clip(spec.clip)
    missing |= _no_task(task, calls)
    return Panel(spec.metrics, True, network, network_name, lpips, clip, task, None, _asked(spec, missing))


def _asked(spec: Spec, missing: Mapping[str, str]) -> dict[str, str]:
    return {name: why for name, why in missing.items() if name in spec.metrics}


def _no_task(task: Task | None, calls: Sequence[Call]) -> dict[str, str]:
    if task is None:
        return {"task": "only reference models have a task"}
    if any(asked_of(task, call) is None for call in calls):
        return {"task": f"the judge of {task.name} only knows the model's own prompts"}
    return {}


def asked_of(task: Task, call: Call) -> list[Any] | None:
    """What the task's judge should see in the samples of ``call``; None for prompts that it does not know."""
    given = call.get(task.argument)
    if not isinstance(given, (list, tuple)):
        return None
    known = dict(zip(task.conditions, task.asked, strict=True))
    found = [known.get(one) for one in given]
    return None if any(one is None for one in found) else found
