"""SeaCache: TeaCache's accumulation, on a modulated input without the frequencies that noise still covers.

    G(f) = a S / (a^2 S + b^2) along each axis, S = 1 / |f|^p, divided by the mean over all f      (eq. 7)
    s_i  = the modulated input of the first block, filtered by G at the signal a and noise b of step i
    compute iff sum_j mean|s_j - s_{j-1}| / mean|s_{j-1}| >= delta     over the steps since the last computed
    skipped:  h_out = h_in + (h_out - h_in) of the last computed step

Early steps are compared by their coarse content, late ones by all of it. First and last step are computed;
there is nothing to fit.

p is 2 for pictures and 3 for videos, as released (jiwoogit/SeaCache). The release reads the noise of all its
models as a flow's (b = sigma, a = 1 - sigma); here a sampler with a table of alphas has its own a and b. Of
its scripts one leaves the first step unfiltered and one does not; here all steps are filtered. diffusers
filters the latent in place of the modulated input, and forecasts the residual linearly: `Lagrange(1)`.

Source: arXiv:2602.18993.
"""

from __future__ import annotations

from foretrace.gate import SeaCache
from foretrace.gate.base import Reduce
from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.predictor import Reuse
from foretrace.schedule import Window

CITATION = """
@inproceedings{chung2026seacache,
  title     = {SeaCache: Spectral-Evolution-Aware Cache for Accelerating Diffusion Models},
  author    = {Chung, Jiwoo and Hyun, Sangeek and Lee, MinKyu and Han, Byeongju and Cha, Geonho
               and Wee, Dongyoon and Hong, Youngjun and Heo, Jae-Pil},
  booktitle = {CVPR},
  year      = {2026}
}
"""


def seacache(
    threshold: float = 0.3,
    power: float | None = None,
    grid: tuple[int, ...] = (),
    reduce: Reduce = "mean",
) -> Method:
    """``threshold`` is the paper's delta: .3 (2x) and .6 (3x) on FLUX, .2 on HunyuanVideo."""
    gate = SeaCache(threshold, power, tuple(grid), reduce=reduce)
    return Method(Window(1, 1), Reuse(), PerStack(store="residual"), gate=gate)
