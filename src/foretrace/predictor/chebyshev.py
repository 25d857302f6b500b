"""A ridge fit of Chebyshev polynomials to all kept points (Spectrum), written as a table of weights.

With ``phi(t) = (T_0(tau)..T_M(tau))``, ``tau = 2 t / span - 1``, Phi the rows ``phi(t_i)``,

    F(t) = phi(t) (Phi^T Phi + ridge I)^{-1} Phi^T H,      H the kept features,

so the weights of the points are ``phi(t) (Phi^T Phi + ridge I)^{-1} Phi^T`` (arXiv:2603.01623). The ridge
penalises ``T_0`` too, so they do not sum to one: a constant is shrunk by 5 to 35 % on the released schedule.
Fitting the differences to the newest point instead repairs that (`Centered`). All points at once, in less
memory: `chebyshev_sums.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foretrace.checks import at_least, between
from foretrace.predictor.base import LinearPredictor


@dataclass(frozen=True)
class Chebyshev(LinearPredictor):
    """Chebyshev ridge of degree ``degree`` over the newest ``keep`` points, as released.

    ``span`` is the time that is mapped to ``tau = 1``; the release has 50 whatever the length of the run.
    """

    degree: int = 4
    ridge: float = 0.1
    keep: int = 6
    span: float = 50.0

    def __post_init__(self) -> None:
        at_least("degree", self.degree, 0)
        at_least("keep", self.keep, 1)
        between("ridge", self.ridge, 1e-9, 1e3)
        between("span", self.span, 1.0, 1e6)

    @property
    def exact(self) -> int:
        """Nothing, not even constants (-1)."""
        return -1

    @property
    def counts_steps(self) -> bool:
        """``span`` is a number of steps."""
        return True

    @property
    def points(self) -> int:
        """``keep``."""
        return self.keep

    def weights(self, times: Sequence[float], t: float) -> tuple[float, ...]:
        """See the module."""
        nodes, solved = ridge_fit(times, t, self.degree, self.ridge, self.span)
        return tuple((nodes @ solved).tolist())


def polynomials(times: Sequence[float], degree: int, span: float) -> NDArray[np.float64]:
    """``T_0..T_degree`` at each of ``times``, shape (times, degree + 1)."""
    taus = 2 * np.asarray(times, dtype=np.float64) / span - 1
    return np.asarray(np.polynomial.chebyshev.chebvander(taus, degree), dtype=np.float64)


def ridge_fit(
    times: Sequence[float], t: float, degree: int, ridge: float, span: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``Phi`` of shape (times, degree + 1), and ``(Phi^T Phi + ridge I)^{-1} phi(t)``."""
    *rows, target = polynomials([*times, t], degree, span)
    nodes = np.asarray(rows)
    normal = nodes.T @ nodes + ridge * np.eye(degree + 1)
    return nodes, np.linalg.solve(normal, target)
