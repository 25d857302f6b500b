"""CG-Taylor: forecast the stack where the same kind of forecast was right for the first block.

    p^ = Taylor forecast of the first block's output p from the steps at which it was wrong
    skip iff  mean|p - p^| / mean|p| < threshold
    skipped:  h_out = Taylor forecast of the stack's output

The first block runs at every step; a computed step goes on from it. The first ``warmup`` steps and the last
are computed: the release's ``mid_cor + 1``, 5 by its default; what the published numbers were measured with
is not stated. Published thresholds, with the order of the first block's
forecast: DiT .008 (3), FLUX .13 and .03 (1), Wan2.1 .36 (3); the stack's order is 1.

Source: arXiv:2508.02240.
"""

from __future__ import annotations

from foretrace.gate.base import Reduce
from foretrace.gate.probe_forecast import ProbeForecast
from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.predictor import Taylor
from foretrace.schedule import Window

CITATION = """
@article{guan2025cgtaylor,
  title   = {Forecasting When to Forecast: Accelerating Diffusion Models with Confidence-Gated Taylor},
  author  = {Guan, Xiaoliu and Jiang, Lielin and Chen, Hanqi and Zhang, Xu and Yan, Jiaxing
             and Wang, Guanzhong and Liu, Yi and Zhang, Zetao and Wu, Yu},
  journal = {arXiv:2508.02240},
  year    = {2025}
}
"""


def cg_taylor(
    threshold: float = 0.008,
    first_order: int = 3,
    order: int = 1,
    warmup: int = 5,
    reduce: Reduce = "mean",
) -> Method:
    """``threshold`` is the confidence gate, ``first_order`` that of the first block's forecast."""
    gate = ProbeForecast(threshold, Taylor(first_order), reduce=reduce)
    return Method(Window(warmup, 1), Taylor(order), PerStack(head=1), gate=gate)
