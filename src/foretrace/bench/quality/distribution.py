"""How far the distribution of samples is from that of a reference, in the features of a network.

Features are (samples, frames, width); every frame is one picture. torchmetrics' metrics take pictures and run
the network inside; here features are extracted once and resampled for intervals, so its formulas are used
where they stand alone (`poly_mmd`) and written out where they do not:

- Frechet distance: its `FrechetInceptionDistance` takes eigenvalues of the unsymmetric product of two
  covariances, which loses half of all digits with fewer samples than features.
  Here covariances are kept as factors, and the trace is a sum of singular values of their product.
- Inception score: its metric shuffles with the global random generator and splits into tenths, which biases
  the score of a few hundred samples down. Here all samples are one split.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

BLOCK = 1000
"""Most samples whose kernel is taken at once, as usual for KID."""


class Gaussian(NamedTuple):
    """Mean (width,) and a factor ``F`` (rows, width) of the covariance ``F^T F``, float64."""

    mean: Tensor
    factor: Tensor


def gaussian_of(features: Tensor) -> Gaussian:
    """The Gaussian of features (pictures, width), with the unbiased covariance."""
    flat = features.double()
    factor = (flat - flat.mean(dim=0)) / max(1, len(flat) - 1) ** 0.5
    if len(factor) > factor.shape[1]:
        factor = torch.linalg.qr(factor, mode="r").R
    return Gaussian(flat.mean(dim=0), factor)


def gaussian_from(mean: Tensor, covariance: Tensor) -> Gaussian:
    """The Gaussian of given statistics: (width,) and (width, width)."""
    values, vectors = torch.linalg.eigh(covariance.double())
    return Gaussian(mean.double(), values.clamp(min=0).sqrt()[:, None] * vectors.T)


def frechet(a: Gaussian, b: Gaussian) -> float:
    """``|m_a - m_b|^2 + tr(A + B - 2 (A B)^1/2)``; the root's trace is the nuclear norm of ``F_a F_b^T``."""
    crossed = torch.linalg.svdvals(a.factor @ b.factor.T).sum()
    spread = a.factor.square().sum() + b.factor.square().sum() - 2 * crossed
    return max(0.0, float((a.mean - b.mean).square().sum() + spread))


def inception_score(logits: Tensor) -> float:
    """``exp(mean KL(p(class | picture) || p(class)))`` of logits (pictures, classes)."""
    log_p = logits.double().log_softmax(dim=1)
    p = log_p.exp()
    return float((p * (log_p - p.mean(dim=0).log())).sum(dim=1).mean().exp())


def kernel_distance(features: Tensor, reference: Tensor) -> float:
    """The unbiased KID: squared MMD of a cubic kernel, averaged over blocks of at most `BLOCK` pictures."""
    from torchmetrics.image.kid import poly_mmd

    count = min(len(features), len(reference))
    found = []
    for start in range(0, count, BLOCK):
        a, b = (x[start : min(count, start + BLOCK)].double() for x in (features, reference))
        if len(a) > 1:
            found.append(float(poly_mmd(a, b)))
    return sum(found) / len(found) if found else float("nan")
