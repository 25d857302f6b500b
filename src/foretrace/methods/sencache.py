"""SenCache: reuse the residual of the whole stack while the output's measured sensitivities allow.

    J_x = |f(x', t) - f(x, t)| / |x' - x|       J_t = |f(x, t') - f(x, t)| / |t' - t|       measured once
    compute iff J_x |x - x_c| + J_t |t - t_c| >= threshold sqrt(entries of x)        c: the last computed step
    skipped:  h_out = h_in + (h_out - h_in) of the last computed step

J_x and J_t are those of the measured time nearest to t_c, and x', t' are the sampler's own next ones;
``ft.fit`` measures them with three calls of the denoiser a step. Never more than K steps in a row. ``early``
is the threshold of the first fifth of the run. Cond decides for uncond.

As released (vita-epfl/SenCache), with the division by sqrt(entries) done in the gate (root mean squares in
place of norms), so that a threshold means the same at every resolution. The release measures at noised data,
this along the sampler's trajectory. Its published tables are not part of this package; they hold for Wan2.1,
CogVideoX and LTX-Video.

Source: arXiv:2602.24208.
"""

from __future__ import annotations

from foretrace.gate import Budget, SenCache
from foretrace.gate.base import Reduce
from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.predictor import Reuse
from foretrace.schedule import Window

CITATION = """
@inproceedings{haghighi2026sencache,
  title     = {SenCache: Accelerating Diffusion Model Inference via Sensitivity-Aware Caching},
  author    = {Haghighi, Yasaman and Alahi, Alexandre},
  booktitle = {CVPR},
  year      = {2026}
}
"""


def sencache(
    threshold: float = 0.07, early: float | None = 0.005, longest: int = 3, reduce: Reduce = "mean"
) -> Method:
    """The release's defaults; its README has 2, .045 and K 3 on Wan2.1. It needs tables from ``ft.fit``."""
    gate = SenCache(threshold, early, reduce=reduce)
    return Method(Window(), Reuse(), PerStack(store="residual"), gate=gate, budget=Budget(longest=longest))
