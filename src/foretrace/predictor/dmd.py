"""Dynamic mode decomposition: the feature as a sum of exponentials whose rates its own points tell.

A sum of r exponentials in time obeys, on even gaps, one linear recurrence of r terms,

    F_{n+1} = c_1 F_n + ... + c_r F_{n-r+1},      c = argmin |F_1 - sum_j c_j F_{1+j}|,      F_1 the newest,

fitted to the r + 1 kept points (Schmid, J. Fluid Mech. 656, 2010), C being its companion matrix. The
forecast at a fraction rho of a gap is the first row of C^rho, weights of the r newest points again.

The fit needs the scalar products of the points and nothing else of them: the new ones are taken once per
computed step and copied to the host unwaited; c and C^rho are solved there in float64. Points of features
that move slowly are nearly parallel, so c is sought as a correction of the straight line (2, -1, 0..) in the
basis of backward differences, and what the points cannot tell, or tell below rounding, stays the line's.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foretrace.checks import at_least, between, one_of
from foretrace.history import Feature, Points, Step, weighted_samples
from foretrace.hostcopy import HostCopy
from foretrace.predictor.base import Predictor
from foretrace.predictor.lagrange import newton_weights
from foretrace.predictor.power import fractional_row

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GramPoints:
    """Points, and per point and stream its products with itself and the older ones, (points, samples)."""

    points: Points
    products: tuple[tuple[HostCopy, ...], ...] = ()


@dataclass(frozen=True)
class DynamicModes(Predictor):
    """Exponentials fitted to the ``order + 1`` newest points; exact on sums of ``order`` of them, even gaps.

    It falls back in two steps. Where the gaps are even for fewer of the newest points, those are used; with
    fewer than three, or where the fit is not finite or its weights' absolute sum passes ``2^order`` (modes
    that do not grow need less), the line through the two newest points is. ``cutoff`` is the share below
    which a direction of the fit counts as undetermined. ``over`` is as for `AdaptiveLagrange`.
    """

    order: int = 2
    cutoff: float = 1e-6
    over: Literal["sample", "batch"] = "sample"

    def __post_init__(self) -> None:
        at_least("order", self.order, 2)
        between("cutoff", self.cutoff, 0.0, 1.0)
        one_of("over", self.over, ("sample", "batch"))

    @property
    def exact(self) -> int:
        """Straight lines: the fit corrects a line, and there is nothing to correct."""
        return 1

    @property
    def points(self) -> int:
        """``order + 1``."""
        return self.order + 1

    def init(self, dtype: torch.dtype | None = None) -> GramPoints:
        """No points yet."""
        return GramPoints(Points(dtype=dtype))

    def commit(self, state: GramPoints, step: Step, feature: Feature) -> GramPoints:
        """Keep ``feature`` as the newest point and take its scalar products, copied to the host unwaited."""
        points = state.points.push(step.time, feature, self.points)
        newest = []
        for stream in zip(*points.features, strict=True):
            own = self.over == "sample" and step.has_rows(stream[0])
            newest.append(HostCopy(scalar_products(stream, own)))
        return GramPoints(points, (tuple(newest), *state.products[: self.order]))

    def predict(self, state: GramPoints, step: Step) -> Feature:
        """The weighted sums with the fitted weights, common ones where the samples have the same."""
        points = state.points
        streams = zip(zip(*points.features, strict=True), points.out_dtypes, strict=True)
        return tuple(
            weighted_samples(self.rows(state, step, i), stream, dtype)
            for i, (stream, dtype) in enumerate(streams)
        )

    def rows(self, state: GramPoints, step: Step, stream: int = 0) -> tuple[tuple[float, ...], ...]:
        """The weights of the points at ``step``: per sample, one row for a common choice."""
        times = state.points.times
        line = newton_weights(times, step.time, min(1, len(times) - 1))
        count = even_points(times)
        if count < 3:
            return (line,)
        grams = gram([row[stream].rows() for row in state.products[:count]])
        ratio = (step.time - times[0]) / (times[0] - times[1])
        noise = rounding(state.points.features[0][stream], len(grams))
        rows = []
        for each in grams:
            fitted = fractional_row(recurrence(each, self.cutoff, noise), ratio)
            trusted = np.isfinite(fitted).all() and np.abs(fitted).sum() <= 2.0**self.order
            rows.append((*fitted.tolist(), *(0.0,) * (len(times) - len(fitted))) if trusted else line)
        return tuple(rows)

    def nbytes(self, state: GramPoints) -> int:
        """Bytes of the kept points; the scalar products are a handful of scalars."""
        return state.points.nbytes


def scalar_products(stream: Sequence[Tensor], per_sample: bool) -> Tensor:
    """``<F_1, F_j>`` of the newest point with each, (points, samples or 1), summed in float64."""
    exact = torch.promote_types(stream[0].dtype, torch.float32)
    newest = stream[0].to(exact)
    products = [newest * other.to(exact) for other in stream]
    return torch.stack(
        [(x.flatten(1) if per_sample else x.reshape(1, -1)).sum(1, dtype=torch.float64) for x in products]
    )


def even_points(times: Sequence[float]) -> int:
    """How many of the newest points have equal gaps between them."""
    gaps = [a - b for a, b in itertools.pairwise(times)]
    even = [math.isclose(gap, gaps[0], rel_tol=1e-6) for gap in gaps]
    return 1 + (even.index(False) if False in even else len(even))


def gram(products: Sequence[Sequence[Sequence[float]]]) -> Array:
    """The matrices of scalar products, (samples, points, points), from the rows of `GramPoints`."""
    count = len(products)
    full = np.empty((len(products[0][0]), count, count))
    for i, row in enumerate(products):
        for j in range(i, count):
            full[:, i, j] = full[:, j, i] = row[j - i]
    return full


def rounding(stored: Tensor, samples: int) -> float:
    """The relative size below which a scalar product of differences is rounding of points and products."""
    entries = max(stored.numel() // samples, 1)
    arithmetic = torch.finfo(torch.promote_types(stored.dtype, torch.float32)).eps / math.sqrt(entries)
    return 10 * max(arithmetic, torch.finfo(stored.dtype).eps ** 2)


def recurrence(products: Array, cutoff: float, noise: float) -> Array:
    """The coefficients c of the module, from the scalar products of r + 1 points, newest first."""
    order = len(products) - 1
    basis = np.zeros((order, order + 1))  # row k: the k-th backward difference at the second newest point
    for k in range(order):
        basis[k, 1 : k + 2] = [(-1) ** j * math.comb(k, j) for j in range(k + 1)]
    line = np.zeros(order)
    line[:2] = 2.0, -1.0
    missed = np.array([1.0, *-line])
    matrix, right = basis @ products @ basis.T, basis @ products @ missed
    sizes = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    known = sizes**2 > noise * 4.0 ** np.arange(order) * np.abs(np.diag(products)).max()
    inverse = np.where(known, 1.0 / np.where(known, sizes, 1.0), 0.0)
    values, vectors = np.linalg.eigh(matrix * inverse[:, None] * inverse)
    kept = values > cutoff * max(values[-1], np.finfo(np.float64).tiny)
    solved = vectors[:, kept] @ ((vectors[:, kept].T @ (right * inverse)) / values[kept])
    return line + (solved * inverse) @ basis[:, 1:]
