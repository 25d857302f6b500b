"""How far the distribution of samples is from that of a reference, in the features of a network.

Features are (samples, frames, width); every frame is one picture. torchmetrics' metrics take pictures and run
the network inside; here features are extracted once and resampled for intervals, so its formulas are used
where they stand alone (`poly_mmd`) and written out where they do not:

- Frechet distance: its `FrechetInceptionDistance` takes eigenvalues of the unsymmetric product of two
  covariances, which loses half of all digits with fewer samples than features. Here the product is symmetric.
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
    """Mean (width,) and covariance (width, width) of features, float64."""

    mean: Tensor
    covariance: Tensor


def gaussian_of(features: Tensor) -> Gaussian:
    """The Gaussian of features (pictures, width), with the unbiased covariance."""
    flat = features.double()
    return Gaussian(flat.mean(dim=0), torch.atleast_2d(torch.cov(flat.T)))


def frechet(a: Gaussian, b: Gaussian) -> float:
    """``|m_a - m_b|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2)``."""
    root = _root(a.covariance)
    crossed = torch.linalg.eigvalsh(root @ b.covariance @ root).clamp(min=0).sqrt().sum()
    apart = (a.mean - b.mean).square().sum()
    spread = a.covariance.trace() + b.covariance.trace() - 2 * crossed
    return max(0.0, float(apart + spread))


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


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
