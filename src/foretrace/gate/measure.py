"""Sizes and distances of the tensors that gates look at, as one number on the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Over = Literal["mean", "max"]
"""How samples are taken together: sums over all of them, or the largest of their own ratios."""


def ratio(parts: Tensor, wholes: Tensor, over: Over) -> float:
    """``sum(parts) / sum(wholes)``, or the largest of the samples' ratios; both of shape (samples,).

    This reads from the device. NaN where nothing can be said: 0/0 is 0, as nothing moved.
    """
    return float(_ratio(parts, wholes, over))


def relative_l1(now: Sequence[Tensor], before: Sequence[Tensor], over: Over = "mean") -> float:
    """``mean|now - before| / mean|before|`` over all streams (TeaCache, eq. 4, and most after it)."""
    return float(unread_relative_l1(now, before, over))


def unread_relative_l1(now: Sequence[Tensor], before: Sequence[Tensor], over: Over = "mean") -> Tensor:
    """`relative_l1` as a scalar tensor on the device, for gates that read many of them at once."""
    moved = sum(_l1(a.float() - b.float()) for a, b in zip(now, before, strict=True))
    size = sum(_l1(b.float()) for b in before)
    assert isinstance(moved, Tensor) and isinstance(size, Tensor)
    return _ratio(moved, size, over)


def same_shapes(now: Sequence[Tensor], before: Sequence[Tensor]) -> bool:
    """Whether two features can be compared at all; those of two experts of a model may not."""
    return [x.shape for x in now] == [x.shape for x in before]


def relative_l2(now: Sequence[Tensor], before: Sequence[Tensor], over: Over = "mean") -> float:
    """``|now - before| / |before|`` over all streams, Euclidean norms."""
    moved = sum(_squares(a.float() - b.float()) for a, b in zip(now, before, strict=True))
    size = sum(_squares(b.float()) for b in before)
    assert isinstance(moved, Tensor) and isinstance(size, Tensor)
    return ratio(moved, size, over) ** 0.5


def _ratio(parts: Tensor, wholes: Tensor, over: Over) -> Tensor:
    if over == "mean":
        parts, wholes = parts.sum(), wholes.sum()
    return torch.where(parts == 0, torch.zeros_like(parts), parts / wholes).max()


def _l1(x: Tensor) -> Tensor:
    """Sums of absolute values, one per row."""
    return x.abs().reshape(len(x), -1).sum(dim=1)


def _squares(x: Tensor) -> Tensor:
    return x.square().reshape(len(x), -1).sum(dim=1)
