"""TCC's prior: the scaled rotation that takes the cached line's statistics to the full line's.

Liang, Xu, Xu 2026, arXiv:2605.24870, section 3.1, read from the authors' code. Rows are representatives
(samples, classes or prompts), columns channels:

    M = Bc^T Ac = U S V^T,  R = U V^T,  s = <Ac, Bc R> / ||Bc R||^2
    corr = mu_A + s (x - mu_B) R,   out = x + alpha (corr - x)

``full`` is the above, ``scale_shift`` has R = I, ``shift`` has R = I and s = 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from foretrace.calibrator.affine import AffineMap

Variant = Literal["full", "scale_shift", "shift"]
VARIANTS = ("full", "scale_shift", "shift")
NullSpace = Literal["identity", "svd"]
NULL_SPACES = ("identity", "svd")
TINY = 1e-12
SAME = 1e-20
"""Rows whose spread is this part of their square norm are the same row; their ratio is rounding."""


@dataclass(frozen=True)
class Prior:
    """``corr = mean_full + scale (x - mean_cached) R``; the means are (D,) or (tokens, D)."""

    mean_full: Tensor
    mean_cached: Tensor
    scale: float
    rotation: Tensor | None
    rank: int

    def fold(self, alpha: float) -> AffineMap:
        """``x + alpha (corr - x)`` as one map: ``W = (1 - alpha) I + alpha s R``, ``b`` the rest. Exact."""
        if self.rotation is None:
            scale = 1.0 - alpha + alpha * self.scale
            bias = alpha * (self.mean_full - self.scale * self.mean_cached)
            return AffineMap(torch.tensor(scale), bias.float())
        turned = self.mean_cached @ self.rotation
        bias = alpha * (self.mean_full - self.scale * turned)
        eye = torch.eye(len(self.rotation), dtype=self.rotation.dtype)
        rest = alpha * self.scale * (self.rotation - eye)  # what the map adds to a scaling, low in rank
        scale = 1.0 - alpha + alpha * self.scale
        return AffineMap(torch.tensor(scale), bias.float(), rest.float())


def fit(full: Tensor, cached: Tensor, variant: Variant = "full", null_space: NullSpace = "identity") -> Prior:
    """The prior from matched rows ``full`` and ``cached``, (representatives, D) each.

    With no more representatives than channels ``M`` says nothing about some directions. There
    ``null_space="identity"`` leaves a token as it is; ``"svd"`` takes the arbitrary basis of the
    decomposition, as the authors' code does.
    """
    a, b = full.double(), cached.double()
    mean_full, mean_cached = a.mean(dim=0), b.mean(dim=0)
    a, b = a - mean_full, b - mean_cached
    if variant == "shift":
        return Prior(mean_full, mean_cached, 1.0, None, 0)
    if variant == "scale_shift":
        scale = _scale(a, b, cached)
        return Prior(mean_full, mean_cached, scale, None, 0)
    u, s, vt = torch.linalg.svd(b.T @ a)
    rank = int((s > s.max().clamp(min=TINY) * len(s) * torch.finfo(torch.float64).eps * 16).sum())
    rotation = u @ vt
    if null_space == "identity" and rank < len(s):
        known = u[:, :rank]
        rotation = known @ vt[:rank] + torch.eye(len(s), dtype=u.dtype) - known @ known.T
    return Prior(mean_full, mean_cached, _scale(a, b @ rotation, cached), rotation, rank)


def _scale(a: Tensor, b: Tensor, cached: Tensor) -> float:
    """``<a, b> / ||b||^2``; one where the rows do not differ, so that nothing is known of a scale."""
    size = float(b.square().sum())
    return float((a * b).sum()) / size if size > SAME * float(cached.double().square().sum()) else 1.0


def fit_positions(
    full: Tensor, cached: Tensor, variant: Variant = "full", null_space: NullSpace = "identity"
) -> Prior:
    """Class pooling: rows are token positions, means over the samples; ``full`` and ``cached`` (tokens, D).

    Rotation and scale come from the positions; the means stay one a position, so that the average of every
    position is taken to that of the full line.
    """
    shared = fit(full, cached, variant, null_space)
    return Prior(full.double(), cached.double(), shared.scale, shared.rotation, shared.rank)


def mix(first: AffineMap, second: AffineMap, share: float) -> AffineMap:
    """``share first + (1 - share) second`` as one map."""
    parts = [(share, first.weight), (1 - share, second.weight)]
    weights = [part * weight for part, weight in parts if weight is not None]
    weight = torch.stack(weights).sum(dim=0) if weights else None
    scale = share * first.scale + (1 - share) * second.scale
    return AffineMap(scale, share * first.bias + (1 - share) * second.bias, weight)
