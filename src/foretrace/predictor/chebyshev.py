"""A ridge fit of Chebyshev polynomials to all kept points (Spectrum), written as a table of weights.

With ``phi(t) = (T_0(tau)..T_M(tau))``, ``tau = 2 t / span - 1``, Phi the rows ``phi(t_i)``,

    F(t) = phi(t) (Phi^T Phi + ridge I)^{-1} Phi^T H,      H the kept features,

so the weights of the points are ``phi(t) (Phi^T Phi + ridge I)^{-1} Phi^T`` (arXiv:2603.01623). The ridge
penalises ``T_0`` too, so they do not sum to one: a constant is shrunk by 5 to 35 % on the released schedule.
Fitting the differences to the newest point instead repairs that (`Centered`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foretrace.checks import at_least, between
from foretrace.predictor.base import LinearPredictor


@dataclass(frozen=True)
class Chebyshev(LinearPredictor):
    """Chebyshev ridge of degree ``degree`` over the newest ``keep`` points, as released.

    ``span`` is the time that is mapped to ``tau = 1``; the release has 50 whatever the length of the run.
    """

    degree: int = 4
    ridge: float = 0.1
    keep: int = 16
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
        basis = np.polynomial.chebyshev.chebvander
        nodes = basis(2 * np.asarray(times, dtype=np.float64) / self.span - 1, self.degree)
        target = basis(np.asarray([2 * t / self.span - 1]), self.degree)[0]
        normal = nodes.T @ nodes + self.ridge * np.eye(self.degree + 1)
        return tuple((target @ np.linalg.solve(normal, nodes.T)).tolist())
