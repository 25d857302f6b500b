"""Which argument of a block each of its returned streams is the continuation of."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from foretrace.errors import UnsupportedModel
from foretrace.history import Feature
from foretrace.runtime.packing import Slot, tensor_slots


class Inputs:
    """The tensor arguments of one call: copies, since blocks may write to them, and they themselves."""

    def __init__(self, names: dict[Slot, str], tensors: dict[Slot, Tensor]) -> None:
        self.names, self.tensors = names, tensors
        self.copies = {slot: x.clone() for slot, x in tensors.items()}
        self.returned: Feature = ()

    def shaped_like(self, x: Tensor) -> list[Slot]:
        """The arguments of ``x``'s shape and dtype; a tensor that is given twice counts once."""
        fitting = {id(a): s for s, a in reversed(self.tensors.items()) if _like(a) == _like(x)}
        return [*fitting.values()][::-1]

    def holding(self, x: Tensor) -> str | None:
        """The name of the argument that is the very tensor ``x``."""
        return next((self.names[s] for s, a in self.tensors.items() if a is x), None)


def _like(x: Tensor) -> tuple[torch.Size, torch.dtype]:
    return x.shape, x.dtype


def residual_of(output: Feature, entered: Sequence[Tensor], wide: bool) -> Feature:
    """What was added to each stream; ``wide``: in the next wider dtype, for inputs that are much larger."""
    if not wide:
        return tuple(x - e for x, e in zip(output, entered, strict=True))
    return tuple(x.to(_wider(x)) - e.to(_wider(x)) for x, e in zip(output, entered, strict=True))


def _wider(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype in (torch.float32, torch.float64) else torch.float32


def inputs_of(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Inputs:
    """The inputs of a call that is about to run."""
    parameters = list(inspect.signature(module.forward).parameters)
    tensors = tensor_slots(args, kwargs)
    names = {s: parameters[s] if isinstance(s, int) and s < len(parameters) else str(s) for s in tensors}
    return Inputs(names, tensors)


def sources_of(
    name: str, modules: Sequence[nn.Module], inputs: Sequence[Inputs]
) -> tuple[tuple[Slot, ...], ...]:
    """Per call, the arguments that its returned streams continue.

    A stream's own name is that of the argument which it becomes in the next call of a module of the same
    class; the only argument of its shape needs no name.

    Raises:
        UnsupportedModel: several arguments have the shape of a stream, and none is known to be its own.
    """
    learned: dict[tuple[type, int], str] = {}
    for k in range(len(modules) - 1):
        if type(modules[k]) is type(modules[k + 1]):
            for stream, x in enumerate(inputs[k].returned):
                held = inputs[k + 1].holding(x)
                if held is not None:
                    learned.setdefault((type(modules[k]), stream), held)
    return tuple(
        tuple(
            _source(name, type(module), taken, x, learned.get((type(module), stream)))
            for stream, x in enumerate(taken.returned)
        )
        for module, taken in zip(modules, inputs, strict=True)
    )


def _source(name: str, kind: type, taken: Inputs, x: Tensor, own: str | None) -> Slot:
    fitting = taken.shaped_like(x)
    named = [slot for slot in fitting if taken.names[slot] == own]
    if len(named or fitting) == 1:
        return (named or fitting)[0]
    raise UnsupportedModel(
        f"{name}: {len(fitting)} inputs of {kind.__name__} have the shape {tuple(x.shape)} of what it "
        "returns; expected one, to take the residual from. Use store='output'."
    )
