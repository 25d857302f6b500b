"""One affine map over the channels of a feature, folded so that applying it is one product and one sum."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


def channels_last(x: Tensor) -> Tensor:
    """``x`` with its channels as the last dimension.

    Packed tokens are (batch, tokens, channels); pictures and videos (batch, channels, ..., height, width).
    """
    return x if x.ndim <= 3 else x.movedim(1, -1)


def channels_back(x: Tensor) -> Tensor:
    """Undo `channels_last`."""
    return x if x.ndim <= 3 else x.movedim(-1, 1)


@dataclass(frozen=True)
class AffineMap:
    """``out = x W + b`` for every token ``x`` (a row vector of ``D`` channels).

    ``weight`` is (D, D), or () for a scale, or a pair of factors (D, r), (r, D) of what the map adds to
    ``scale * x``; ``bias`` is (D,), or (tokens, D) where positions differ.
    """

    scale: Tensor
    bias: Tensor
    weight: Tensor | None = None
    factors: tuple[Tensor, Tensor] | None = None

    def apply(self, x: Tensor) -> Tensor:
        """The map of every token, accumulated in fp32, in the shape, dtype and device of ``x``."""
        rows = channels_last(x)
        shape, tokens = rows.shape, rows.float().flatten(1, -2) if rows.ndim > 2 else rows.float()
        out = tokens * self.scale.float() + self.bias.float()
        if self.weight is not None:
            out = out + tokens @ self.weight.float()
        if self.factors is not None:
            left, right = (factor.float() for factor in self.factors)
            out = out + (tokens @ left) @ right
        return channels_back(out.reshape(shape)).to(x.dtype)

    def to(self, device: torch.device) -> AffineMap:
        """The map on ``device``; itself where it is there."""
        if self.bias.device == device:
            return self
        return AffineMap.from_tensors({name: x.to(device) for name, x in self.tensors.items()})

    @property
    def tensors(self) -> dict[str, Tensor]:
        """By name, as a profile stores them."""
        found = {"scale": self.scale, "bias": self.bias}
        if self.weight is not None:
            found["weight"] = self.weight
        if self.factors is not None:
            found["left"], found["right"] = self.factors
        return found

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> AffineMap:
        """Undo `tensors`."""
        factors = (tensors["left"], tensors["right"]) if "left" in tensors else None
        return cls(tensors["scale"], tensors["bias"], tensors.get("weight"), factors)

    @property
    def nbytes(self) -> int:
        """Bytes of its tensors."""
        return sum(x.nbytes for x in self.tensors.values())

    def macs(self, tokens: int) -> int:
        """Multiplications of a matrix or its factors over ``tokens`` tokens; scale and bias do not count."""
        matrices = [self.weight] if self.weight is not None else list(self.factors or ())
        return tokens * sum(x.numel() for x in matrices)


def compress(full: AffineMap, tolerance: float = 1e-3) -> AffineMap:
    """The smallest of: as it is, fp16, low rank in fp16, that changes the map by at most ``tolerance``.

    Measured as the relative Frobenius error of ``W`` and of ``b``.
    """
    bias = full.bias.half()
    if not _close(bias, full.bias, tolerance * full.bias.double().norm()):
        return full
    if full.weight is None:
        return replace(full, bias=bias)
    weight = full.weight.double()
    u, s, v = torch.linalg.svd(weight)
    whole = (weight + full.scale.double() * torch.eye(len(weight), dtype=weight.dtype)).norm()
    tail = s.square().flip(0).cumsum(0).flip(0).sqrt()  # what is lost when the rank is cut before each
    rank = int((tail > tolerance * 0.5 * whole).sum())
    if rank * 2 < weight.shape[0]:
        root = s[:rank].sqrt()
        left, right = (u[:, :rank] * root).half(), (root[:, None] * v[:rank]).half()
        if _close(left.double() @ right.double(), weight, tolerance * whole):
            return AffineMap(full.scale, bias, None, (left, right))
    half = full.weight.half()
    return AffineMap(full.scale, bias, half) if _close(half, weight, tolerance * whole) else full


def _close(small: Tensor, full: Tensor, limit: Tensor) -> bool:
    error = (small.double() - full.double()).norm()
    return bool(error.isfinite() and error <= limit)
