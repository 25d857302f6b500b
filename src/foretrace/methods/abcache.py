"""AB-Cache: the next feature if the k-th backward difference stayed zero (arXiv:2504.10540).

    F_{n+1} = 2 F_n - F_{n-1}                  (k = 2)
    F_{n+1} = 3 F_n - 3 F_{n-1} + F_{n-2}      (k = 3)

A vanishing k-th difference is a polynomial of degree k - 1, so this is Lagrange of that degree one gap ahead;
between computed steps it is read at the true time, which is also right on uneven gaps. Known here from the
paper's text. Not public, and read so: all forecasts of an interval start from computed features; the site is
the output of the stack; the schedule is TaylorSeer's.
"""

from __future__ import annotations

from foretrace.checks import at_least
from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.predictor import Lagrange
from foretrace.schedule import Counter

CITATION = """
@article{yu2025abcache,
  title   = {{AB-Cache}: Training-Free Acceleration of Diffusion Models via {Adams-Bashforth}
             Cached Feature Reuse},
  author  = {Yu, Zichao and others},
  journal = {arXiv preprint arXiv:2504.10540},
  year    = {2025}
}
"""


def abcache(interval: int = 3, difference: int = 2, warmup: int = 2) -> Method:
    """`difference` is k, the order of the backward difference taken for zero."""
    at_least("difference", difference, 1)
    return Method(Counter(interval, warmup), Lagrange(difference - 1), PerStack())
