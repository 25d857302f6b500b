"""TeaCache: reuse the residual of the whole stack until the time-modulated input has drifted too far.

    d_i = mean|m_i - m_{i-1}| / mean|m_{i-1}|        m: the first block's modulated input
    compute iff sum f(d_j) >= delta over the steps since the last computed one     (eq. 4 to 6)
    skipped:  h_out = h_in + (h_out - h_in) of the last computed step

f is a polynomial of degree 4, fitted per model. ``model`` names a published one
(`gate/tea_coefficients.py`); the paper gives no range for them, and beyond their data quartics turn down or
below 0, so the range here is up to where they first turn down, and f is at least 0. Without ``model``, f(d)
= d. First and last step are computed.
The released code decides by the mean over the batch, and on Wan separately for cond and uncond.

Source: arXiv:2411.19108.
"""

from __future__ import annotations

from foretrace.checks import one_of
from foretrace.gate.base import Reduce
from foretrace.gate.tea_coefficients import COEFFICIENTS
from foretrace.gate.teacache import TeaCache, rising_range
from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.predictor import Reuse
from foretrace.schedule import Window

CITATION = """
@inproceedings{liu2025teacache,
  title     = {Timestep Embedding Tells: It's Time to Cache for Video Diffusion Model},
  author    = {Liu, Feng and Zhang, Shiwei and Wang, Xiaofeng and Wei, Yujie and Qiu, Haonan
               and Zhao, Yuzhong and Zhang, Yingya and Ye, Qixiang and Wan, Fang},
  booktitle = {CVPR},
  year      = {2025}
}
"""


def teacache(threshold: float = 0.2, model: str | None = None, reduce: Reduce = "mean") -> Method:
    """``threshold`` is the paper's delta: .1 (slow) and .2 (fast) on Open-Sora and Latte, .25 to .8 on
    FLUX.
    """
    coefficients, fitted = (), None
    if model is not None:
        one_of("model", model, sorted(COEFFICIENTS))
        coefficients = COEFFICIENTS[model]
        fitted = rising_range(coefficients)
    gate = TeaCache(threshold, coefficients, fitted, reduce=reduce)
    return Method(Window(1, 1), Reuse(), PerStack(store="residual"), gate=gate)
