"""EasyCache: reuse what the denoiser adds to its input until the output must have changed too far.

    k   = mean|F_c - F_b| / mean|x_c - x_b|                    b, c: the last two computed steps
    compute iff sum_j k mean|x_j - x_{j-1}| / mean|F_c| >= tau        over the steps since c
    skipped:  F(x) = x + (F - x) of the last computed step

x is the latent, F the denoiser's output. The first ``warmup`` steps and the last are computed; cond decides
for uncond. Nothing is measured beforehand.

As released (H-EmbodVis/EasyCache), the change of x counts between neighbouring steps, skipped or not, and k
between computed ones. Where the model also returns a variance (DiT), F is its noise half, and the whole
output is to be reused, since x has no variance to add it to: pass ``granularity="model"``.

Source: arXiv:2507.02860.
"""

from __future__ import annotations

from foretrace.gate import EasyCache
from foretrace.gate.base import Reduce
from foretrace.granularity import PerModel
from foretrace.method import Method
from foretrace.predictor import Reuse
from foretrace.schedule import Window

CITATION = """
@article{zhou2025easycache,
  title   = {Less is Enough: Training-Free Video Diffusion Acceleration via Runtime-Adaptive Caching},
  author  = {Zhou, Xin and Liang, Dingkang and Chen, Kaijin and Feng, Tianrui and Chen, Xiwu
             and Lin, Hongkai and Ding, Yikang and Tan, Feiyang and Zhao, Hengshuang and Bai, Xiang},
  journal = {arXiv:2507.02860},
  year    = {2025}
}
"""


def easycache(threshold: float = 0.05, warmup: int = 5, reduce: Reduce = "mean") -> Method:
    """``threshold`` is the paper's tau: .025 on HunyuanVideo (``warmup`` 5), .05 to .2 on Wan2.1 (10)."""
    return Method(Window(warmup, 1), Reuse(), PerModel("residual"), gate=EasyCache(threshold, reduce=reduce))
