"""Some samples of a batch: taken out of the arguments of a call, and put back among its results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from foretrace.errors import UnsupportedModel
from foretrace.history import Feature


def others(rows: Sequence[int], batch: int) -> tuple[int, ...]:
    """The samples of a batch that are not among ``rows``."""
    return tuple(i for i in range(batch) if i not in rows)


def take(
    args: tuple[Any, ...], kwargs: dict[str, Any], rows: Sequence[int], batch: int
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call of the samples ``rows`` alone.

    A tensor whose first dimension is the batch loses the other samples, as does a list of ``batch`` tensors
    (models that take one tensor a sample); everything else is shared by all samples.
    """
    kept = tuple(_of_argument(x, rows, batch) for x in args)
    return kept, {name: _of_argument(x, rows, batch) for name, x in kwargs.items()}


def _of_argument(value: Any, rows: Sequence[int], batch: int) -> Any:
    # a list, not a tuple: two rotary tables for a batch of two come as a tuple
    if type(value) is list and len(value) == batch and all(isinstance(x, Tensor) for x in value):
        return [value[i] for i in rows]
    return pytree.tree_map(lambda x: pick(x, rows) if _per_sample(x, batch) else x, value)


def _per_sample(x: Any, batch: int) -> bool:
    return isinstance(x, Tensor) and x.ndim > 0 and len(x) == batch


def pick(x: Tensor, rows: Sequence[int]) -> Tensor:
    """The samples ``rows`` of ``x``; a view where they are neighbours."""
    first, last = rows[0], rows[-1]
    if len(rows) == last - first + 1:
        return x[first : last + 1]
    return x[list(rows)]


def pick_all(feature: Feature, rows: Sequence[int], batch: int, source: str) -> Feature:
    """The samples ``rows`` of every stream. Raises `UnsupportedModel` if a stream is not one row a sample."""
    for x in feature:
        if not _per_sample(x, batch):
            raise UnsupportedModel(
                f"{source}: reduce='sample' got a feature of shape {tuple(x.shape)} in a call of {batch} "
                "samples; expected one row a sample. Use granularity=PerModel(), or reduce='any'."
            )
    return tuple(pick(x, rows) for x in feature)


def merge(computed: Feature, forecast: Feature, rows: Sequence[int], batch: int) -> Feature:
    """The samples ``rows`` from ``computed``, the others from ``forecast``, in the order of the batch."""
    rest = others(rows, batch)
    order = torch.tensor([*rows, *rest]).argsort()
    return tuple(
        torch.cat([a, b.to(a.dtype)])[order.to(a.device)] for a, b in zip(computed, forecast, strict=True)
    )
