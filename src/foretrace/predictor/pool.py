"""The solvers that HyCa chooses from, by name (arXiv:2510.04188)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from foretrace.checks import one_of
from foretrace.predictor.base import LinearPredictor
from foretrace.predictor.lagrange import Lagrange
from foretrace.predictor.multistep import AdamsBashforth
from foretrace.predictor.solvers import AdamsMoulton, FlatBackward, MeanSlope

SOLVERS: Mapping[str, LinearPredictor] = MappingProxyType(
    {
        "tf": Lagrange(1),
        "bdf2": FlatBackward(),
        "rk2": MeanSlope(),
        "ab2": AdamsBashforth(2),
        "am": AdamsMoulton(2),
    }
)
"""Taylor forecast, backward differences, Runge-Kutta, Adams-Bashforth, Adams-Moulton."""


def solver(name: str) -> LinearPredictor:
    """The solver ``name`` of the pool."""
    one_of("solvers", name, tuple(SOLVERS))
    return SOLVERS[name]
