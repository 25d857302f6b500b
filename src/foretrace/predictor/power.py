"""Fractional powers of companion matrices, right where roots coincide.

``f(C) = sum_k f[l_0..l_k] prod_{i<k} (C - l_i)`` with the eigenvalues l_i of C and the divided differences of
``f(l) = l^rho``. Where eigenvalues (nearly) coincide, as 1 and 1 of a straight line, the differences would
cancel; there ``f`` is expanded about their mean instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEAR = 0.1
"""Roots within this share of their mean are expanded about it; TERMS terms then leave 1e-16."""
TERMS = 18


def fractional_row(coefficients: NDArray[np.float64], ratio: float) -> NDArray[np.float64]:
    """The first row of ``C^ratio``, C the companion matrix whose first row is ``coefficients``.

    Of a negative root, whose fractional power is complex, the real part is taken. NaN where a coefficient is.
    """
    count = len(coefficients)
    if not np.isfinite(coefficients).all():
        return np.full(count, np.nan)
    sizes = np.abs(coefficients)
    order = int(np.flatnonzero(sizes > 1e-12 * max(sizes.max(), 1e-300))[-1]) + 1 if sizes.any() else 0
    if order == 0:
        return np.zeros(count)
    companion = np.eye(order, k=-1)
    companion[0] = coefficients[:order]  # the terms left out are zero: those points do not matter
    roots = np.sort_complex(np.linalg.eigvals(companion))
    row = np.eye(order, dtype=np.complex128)[0]
    total = np.zeros(order, dtype=np.complex128)
    for k, difference in enumerate(power_differences(roots, ratio)):
        total += difference * row
        row = row @ (companion - roots[k] * np.eye(order))
    return np.concatenate([total.real, np.zeros(count - order)])


def power_differences(nodes: NDArray[np.complexfloating], ratio: float) -> list[complex]:
    """The divided differences ``f[l_0], f[l_0, l_1], ...`` of ``f(l) = l^ratio``."""
    column = [_power(complex(node), ratio) for node in nodes]
    first = [column[0]]
    for k in range(1, len(nodes)):
        following = []
        for i in range(len(nodes) - k):
            own = nodes[i : i + k + 1]
            mean = complex(own.mean())
            if np.abs(own - mean).max() <= NEAR * abs(mean):
                following.append(_expanded(own - mean, mean, ratio))
            else:
                following.append(complex((column[i + 1] - column[i]) / (own[-1] - own[0])))
        column = following
        first.append(column[0])
    return first


def _power(node: complex, ratio: float) -> complex:
    return node**ratio if node else complex(float(ratio == 0.0))


def _expanded(offsets: NDArray[np.complexfloating], mean: complex, ratio: float) -> complex:
    """``f[l_0..l_k] = sum_m f^{(k+m)}(mean) / (k+m)! h_m``, h_m the sum of all products of m offsets."""
    sums = np.zeros(TERMS, dtype=np.complex128)
    sums[0] = 1.0
    for offset in offsets:
        for m in range(1, TERMS):
            sums[m] += offset * sums[m - 1]
    order = len(offsets) - 1
    coefficient, total = _power(mean, ratio), 0j
    for n in range(order + TERMS):  # coefficient is binomial(ratio, n) mean^(ratio - n)
        if n >= order:
            total += coefficient * sums[n - order]
        coefficient *= (ratio - n) / ((n + 1) * mean)
    return complex(total)
