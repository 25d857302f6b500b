"""TaylorSeer's schedule with the expansion it approximates, in Newton's divided differences.

    F(t) = sum_{n=0..order} prod_{q<n} (t - t_q) [h_0..h_n]

Exact on polynomials of degree `order`; schedule and sites are those of the release (arXiv:2503.06923).
TraCache with a fixed order on another schedule; kept under a name of its own so that the effect of the
missing factors in the release can be read off a table.
"""

from __future__ import annotations

from foretrace.granularity import PerModule
from foretrace.method import Method
from foretrace.methods.taylorseer import CITATION as CITATION
from foretrace.predictor import Lagrange
from foretrace.schedule import Counter


def taylorseer_newton(interval: int = 5, order: int = 2, warmup: int = 3) -> Method:
    """Settings as for `taylorseer`."""
    return Method(Counter(interval, warmup), Lagrange(order), PerModule("attn", "ff"))
