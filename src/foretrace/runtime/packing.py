"""Between what a module returns and the feature at its site: tensors out, the rest kept as a template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor
from torch.utils import _pytree as pytree

from foretrace.errors import UnsupportedModel
from foretrace.history import Feature

Slot: TypeAlias = int | str
"""Where a tensor is among the arguments of a call: a position or a name."""

_HOLE = object()


@dataclass(frozen=True)
class Template:
    """Everything of a returned value but its tensors, whose places are marked by a hole."""

    leaves: tuple[Any, ...]
    spec: Any
    plain: type | None

    def pack(self, feature: Feature) -> Any:
        """The value with ``feature``'s tensors in the holes."""
        if self.plain is Tensor:  # the two shortcuts matter: a skipped step passes over every block
            return feature[0]
        if self.plain is tuple:
            return feature
        streams = iter(feature)
        filled = [next(streams) if leaf is _HOLE else leaf for leaf in self.leaves]
        return pytree.tree_unflatten(filled, self.spec)


def unpack(value: Any, source: str) -> tuple[Feature, Template]:
    """Split ``value`` (tensor, tuple, list, dict, diffusers output) into its tensors and a template."""
    if isinstance(value, Tensor):
        return (value,), Template((_HOLE,), None, Tensor)
    leaves, spec = pytree.tree_flatten(value)
    feature = tuple(leaf for leaf in leaves if isinstance(leaf, Tensor))
    if not feature:
        raise UnsupportedModel(
            f"{source} returned {type(value).__name__} without a tensor; expected a tensor or a "
            "tuple, list, dict or output object of tensors. Use another granularity."
        )
    plain = tuple if type(value) is tuple and len(feature) == len(value) else None
    holes = tuple(_HOLE if isinstance(leaf, Tensor) else leaf for leaf in leaves)
    return feature, Template(holes, spec, plain)


def tensor_slots(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[Slot, Tensor]:
    """The arguments that are tensors, by position or name."""
    found: dict[Slot, Tensor] = {i: a for i, a in enumerate(args) if isinstance(a, Tensor)}
    found.update((name, a) for name, a in kwargs.items() if isinstance(a, Tensor))
    return found


def fetch(slot: Slot, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """The tensor at ``slot``."""
    return args[slot] if isinstance(slot, int) else kwargs[slot]
