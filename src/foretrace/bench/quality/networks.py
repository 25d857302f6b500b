"""Networks that see pictures: features for distances, spatial features, and class logits.

A network is any function from pictures (count, 3, height, width) in [0, 1] to `Seen`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from foretrace.errors import InvalidSetting, LoadError

CHANNELS = 7
"""Channels of a map that count as spatial features: sFID takes the first seven of one of Inception's."""


class Seen(NamedTuple):
    """What a network sees: pooled (count, width) and, where it has them, spatial features and logits."""

    pooled: Tensor
    spatial: Tensor | None = None
    logits: Tensor | None = None


Network = Callable[[Tensor], Seen]


def of_task(task: Any) -> tuple[str, Network] | None:
    """The judge of a reference model as a network; None where it cannot serve."""
    judge = getattr(task, "judge", None)
    if judge is None:
        judge = _judge(task.name)
    if judge is None:
        return None

    def see(images: Tensor) -> Seen:
        spatial: list[Tensor] = []
        with judge.norm.register_forward_hook(lambda module, given, found: spatial.append(found)):
            pooled = judge.features(images)
        logits = judge.head(pooled) if hasattr(judge, "head") else None
        return Seen(pooled, spatial[0][:, :CHANNELS].flatten(1), logits)

    return type(judge).__name__, see


def _judge(name: str) -> Any:
    from foretrace.demo.attributes import load_judge
    from foretrace.demo.classifier import load_classifier
    from foretrace.demo.references import reference_folder

    return (
        load_classifier()
        if name == "shapes-dit"
        else load_judge(reference_folder("shapes-judge", "config.json"))
    )


def from_file(path: str) -> tuple[str, Network]:
    """A TorchScript network of pictures in [0, 1]; it gives features, or (features, spatial, logits).

    Raises:
        LoadError: there is no such file, or it is no TorchScript.
    """
    file = Path(path)
    if not file.is_file():
        raise LoadError(f"there is no network {path}; expected a TorchScript file. Check --network.")
    try:
        module = torch.jit.load(str(file), map_location="cpu").eval()
    except RuntimeError as error:
        raise LoadError(
            f"{path} is no TorchScript ({str(error).splitlines()[0]}); expected a scripted network."
        ) from error

    def see(images: Tensor) -> Seen:
        found = module(images)
        return Seen(found.flatten(1)) if isinstance(found, Tensor) else Seen(*found)

    return file.name, see


def inception() -> tuple[str, Network]:
    """Inception v3 as FID has it, through torchmetrics and torch-fidelity, from weights on this machine.

    Raises:
        InvalidSetting: torch-fidelity or its weights are missing; nothing is downloaded.
    """
    weights = Path(torch.hub.get_dir()) / "checkpoints" / "weights-inception-2015-12-05-6726825d.pth"
    if not weights.is_file():
        raise InvalidSetting(
            f"Inception's weights are not at {weights}; expected them there, since nothing is downloaded. "
            "Fetch them as torch-fidelity does, or pass --network FILE."
        )
    try:
        from torchmetrics.image.fid import NoTrainInceptionV3

        net = NoTrainInceptionV3("inception-v3-compat", ["2048", "logits_unbiased"], str(weights))
    except ModuleNotFoundError as error:
        raise InvalidSetting(f"{error} Expected it for Inception. Install it.") from error

    def see(images: Tensor) -> Seen:
        pooled, logits = net._torch_fidelity_forward((255 * images).byte())
        return Seen(pooled, None, logits)  # no spatial features: torch-fidelity does not hand out that map

    return "inception-v3", see


def find_network(name: str, task: Any) -> tuple[str, Network]:
    """The network ``name``: "auto" is the task's judge, or Inception; "inception"; or a TorchScript file."""
    if name == "auto" and task is not None:
        found = of_task(task)
        if found is not None:
            return found
    return inception() if name in ("auto", "inception") else from_file(name)
