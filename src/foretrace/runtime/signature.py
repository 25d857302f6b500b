"""What the arguments of a denoiser mean: its time, what it denoises, and what may not change in a run."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foretrace.errors import ClockError, UnsupportedModel
from foretrace.models import find_spec
from foretrace.runtime.invocation import Invocation

TIME_ARGUMENTS = ("timestep", "timesteps", "t", "sigma", "sigmas")
"""Names under which denoisers take their time, in the order they are looked for."""


@dataclass(frozen=True)
class Signature:
    """The names of a denoiser's parameters, in order, and which of them is the time."""

    names: tuple[str, ...]
    time: str

    def named(self, call: Invocation) -> dict[str, Any]:
        """The arguments of a call by name."""
        return dict(zip(self.names, call.args, strict=False)) | call.kwargs

    def time_of(self, call: Invocation) -> Any:
        """The time argument, a number or a tensor. Raises `ClockError` where it is missing."""
        position = self.names.index(self.time)
        value = call.kwargs.get(self.time, call.args[position] if position < len(call.args) else None)
        if value is None:
            raise ClockError(
                f"the denoiser was called without its time argument {self.time!r}; expected a number or a "
                f"tensor. Pass {self.time}=... at every call."
            )
        return value

    def latent_of(self, call: Invocation) -> Tensor:
        """What is denoised: the first tensor, or first list of tensors, in the order of the signature.

        Raises:
            UnsupportedModel: no argument is a floating tensor.
        """
        given = self.named(call)
        for name in self.names:
            value = given.get(name)
            if isinstance(value, Tensor) and value.is_floating_point() and value.ndim > 1:
                return value
            if isinstance(value, (list, tuple)) and value and isinstance(value[0], Tensor):
                same = all(x.shape == value[0].shape for x in value)
                return torch.stack(list(value)) if same else torch.cat([x.flatten() for x in value])[None]
        raise UnsupportedModel(
            f"the denoiser was called without a floating tensor among {', '.join(self.names)}; expected the "
            "latent. Use a method without a gate."
        )

    def shapes_of(self, call: Invocation) -> dict[str, Any]:
        """The shapes of all tensors but the time, also inside lists and tuples, by name."""
        found = {}
        for name, value in self.named(call).items():
            if name == self.time:
                continue
            if isinstance(value, Tensor):
                found[name] = tuple(value.shape)
            elif isinstance(value, (list, tuple)) and any(isinstance(x, Tensor) for x in value):
                found[name] = [tuple(x.shape) for x in value if isinstance(x, Tensor)]
        return found

    def modes_of(self, call: Invocation) -> dict[str, Any]:
        """The arguments that are words or switches: with another one the denoiser does something else."""
        given = self.named(call)
        return {name: x for name, x in given.items() if isinstance(x, (str, bool)) and name != "return_dict"}

    def batch_of(self, shapes: dict[str, Any]) -> int | None:
        """The number of samples: the first dimension, or the length, of the first tensor argument."""
        first = next((shapes[name] for name in self.names if shapes.get(name)), None)
        if first is None:
            return None
        return len(first) if isinstance(first, list) else first[0]


def signature_of(denoiser: nn.Module) -> Signature | None:
    """How ``denoiser`` is called; ``None`` for a module that takes no time."""
    written = getattr(denoiser, "_orig_mod", denoiser)  # torch.compile hides the signature
    names = tuple(inspect.signature(written.forward).parameters)
    usual = (find_spec(written).time, *TIME_ARGUMENTS)
    time = next((name for name in usual if name in names), None)
    return None if time is None else Signature(names, time)
