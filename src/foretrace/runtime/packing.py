"""Between what a module returns and the feature at its site: tensors out, the rest kept as a template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
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
    dtypes: tuple[torch.dtype, ...]

    def pack(self, feature: Feature) -> Any:
        """The value with ``feature``'s tensors in the holes, in the dtypes of the tensors taken out."""
        feature = tuple(
            x if x.dtype == dtype else x.to(dtype) for x, dtype in zip(feature, self.dtypes, strict=True)
        )
        if self.plain is Tensor:  # the two shortcuts matter: a skipped step passes over every block
            return feature[0]
        if self.plain is tuple:
            return feature
        streams = iter(feature)
        filled = [next(streams) if leaf is _HOLE else leaf for leaf in self.leaves]
        return pytree.tree_unflatten(filled, self.spec)


def unpack(value: Any, source: str) -> tuple[Feature, Template]:
    """Split ``value`` (tensor, tuple, dict, diffusers output) into its floating tensors and a template.

    Integer and boolean tensors stay in the template as they are: there is nothing between two of them.
    """
    leaves, spec = pytree.tree_flatten(value)
    feature = tuple(leaf for leaf in leaves if _is_stream(leaf))
    if not feature or any(isinstance(leaf, Tensor) and leaf.is_complex() for leaf in leaves):
        raise UnsupportedModel(
            f"{source} returned {type(value).__name__} without a real floating tensor; expected a tensor "
            "or a tuple, list, dict or output object of such tensors. Use another granularity."
        )
    plain = Tensor if value is feature[0] else None
    if type(value) is tuple and len(feature) == len(value):
        plain = tuple
    holes = tuple(_HOLE if _is_stream(leaf) else leaf for leaf in leaves)
    return feature, Template(holes, spec, plain, tuple(x.dtype for x in feature))


def _is_stream(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.is_floating_point() and leaf.numel() > 0


def tensor_slots(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[Slot, Tensor]:
    """The arguments that are tensors, by position or name."""
    found: dict[Slot, Tensor] = {i: a for i, a in enumerate(args) if isinstance(a, Tensor)}
    found.update((name, a) for name, a in kwargs.items() if isinstance(a, Tensor))
    return found


def fresh_containers(value: Any) -> Any:
    """The same tensors in new dicts and lists, for models that take things out of what they are given."""
    if type(value) is dict:
        return {key: fresh_containers(x) for key, x in value.items()}
    return [fresh_containers(x) for x in value] if type(value) is list else value


def fetch(slot: Slot, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """The tensor at ``slot``."""
    return args[slot] if isinstance(slot, int) else kwargs[slot]
