"""DMD: a sum of exponentials fitted to the computed features, the calibrator of cache-dit.

    F_{n+1} = c_1 F_n + ... + c_r F_{n-r+1},      c = argmin |F_1 - sum_j c_j F_{1+j}|
    F(t)    = first row of C^rho (F_1 .. F_r),    rho = (t - t_1) / gap,    C the companion matrix of c

Dynamic mode decomposition (Schmid 2010) needs even gaps, so the schedule has no warm-up by default; on uneven
ones the forecast is a straight line (`predictor/dmd.py`). The release fits 4 to 6 snapshots by singular
values and falls back to its Taylor forecast; here what the points leave open is that of a line. The site is
cache-dit's, the residual of the blocks; its probe of the first block, which decides when to compute, waits
for gates. Its author finds it better than the Taylor forecast and behind `spectrum` on FLUX.
"""

from __future__ import annotations

from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.predictor import DynamicModes
from foretrace.schedule import Counter

CITATION = """
@article{schmid2010dmd,
  title   = {Dynamic mode decomposition of numerical and experimental data},
  author  = {Schmid, Peter J.},
  journal = {Journal of Fluid Mechanics},
  volume  = {656},
  pages   = {5--28},
  year    = {2010}
}
"""


def dmd(interval: int = 5, order: int = 3, warmup: int = 1) -> Method:
    """`order` exponentials are fitted to `order + 1` features; cache-dit keeps 4 to 6."""
    return Method(Counter(interval, warmup), DynamicModes(order), PerStack(store="residual"))
