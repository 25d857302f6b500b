"""Tensors without data for counting, beside integers that keep theirs, since models branch on them.

Lengths, masks and positions are integer or boolean tensors. What is calculated from them and from constants
is calculated; all else has a shape only. Where a floating tensor decides which rows go where (a mixture of
experts), any decision costs the same, and the rows are dealt out evenly.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
)
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

MANY = 2**22
"""Tensors of more elements lose their values: a mask of tokens by tokens may not fit."""

_aten = torch.ops.aten
_INDEXED = frozenset({_aten.index.Tensor, _aten.index_put.default, _aten.index_put_.default})


class IntegersKeepValues(TorchDispatchMode):
    """To be entered inside of a ``FakeTensorMode`` that allows tensors with data."""

    supports_higher_order_operators = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run ``func`` on values where there are any, on shapes elsewhere."""
        kwargs = kwargs or {}
        if func is torch.ops.higher_order.flex_attention:
            return _dense_attention(*args[:3])
        tensors = [x for x in pytree.tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        if any(x.is_complex() and not isinstance(x, FakeTensor) for x in tensors):
            args, kwargs = pytree.tree_map(_no_view, (args, kwargs))
        if any(isinstance(x, FakeTensor) for x in tensors):
            return _on_shapes(func, args, kwargs)
        try:
            shapes = func(*args, **kwargs)
        except (DataDependentOutputException, DynamicOutputShapeException):
            shapes = None
        if shapes is not None and not _worth_values(shapes):
            return shapes
        with _disable_current_modes():
            return func(*args, **kwargs)


def _worth_values(value: Any) -> bool:
    """Whether all tensors of ``value`` may have values."""
    return all(keeps_values(x) for x in pytree.tree_leaves(value) if isinstance(x, Tensor))


def keeps_values(x: Tensor) -> bool:
    """Whether ``x`` is small enough, and on a device that holds data."""
    return x.device.type != "meta" and x.numel() <= MANY


def _no_view(x: Any) -> Any:
    """A copy of a complex tensor with data: fake tensors fail to follow complex views of real ones."""
    if not isinstance(x, Tensor) or isinstance(x, FakeTensor) or not x.is_complex():
        return x
    with _disable_current_modes():
        return x.clone()


def _on_shapes(func: Any, args: Any, kwargs: Any) -> Any:
    if func in _INDEXED:  # how many places a mask picks is known where the mask has values
        args = (args[0], [part for index in args[1] for part in _places(index)], *args[2:])
    result = func(*args, **kwargs)
    if func is _aten.topk.default:
        return result[0], _dealt(result[1], args[0].shape[args[2] if len(args) > 2 else -1])
    if func is _aten.sort.default:
        return result[0], _dealt(result[1], args[0].shape[args[1] if len(args) > 1 else -1])
    return result


def _places(index: Tensor | None) -> list[Tensor | None]:
    """An index as it is; a mask with values as the places that it picks."""
    if index is None or isinstance(index, FakeTensor) or index.dtype is not torch.bool:
        return [index]
    with _disable_current_modes():
        return list(index.nonzero().unbind(1))


def _dealt(choice: Tensor, options: int) -> Tensor:
    """Choices among ``options`` that take each equally often, in the place of ones without values."""
    with _disable_current_modes():
        even = torch.arange(choice.numel(), device=choice.device) % options
        return even.reshape(choice.shape).to(choice.dtype)


def _dense_attention(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Flex attention as the two matmuls over all pairs that it takes at most, whatever its mask spares."""
    groups = query.shape[1] // key.shape[1]
    key, value = (x.repeat_interleave(groups, 1) if groups > 1 else x for x in (key, value))
    output = query @ key.transpose(-1, -2) @ value
    return output, output[..., 0], output[..., 0]
