"""DiCache: the first blocks run at every step, tell how much has changed, and how far to go on.

    d_i = mean|p_i - p_{i-1}| / mean|p_{i-1}|        p: what the first blocks return
    compute iff sum d_j >= threshold over the steps since the last computed one
    skipped:  h_out = p + R_2 + gamma (R_1 - R_2),   R_1, R_2: residuals of the newest two computed steps
    gamma = clip(mean|a - a_2| / mean|a_1 - a_2|, 1, 1.5),       a: what the first blocks add to their input

A step that is computed goes on from the probe. ``error="difference"`` sums |d_i - the change of the
probe's input|; its published threshold is 0.08, without a warm-up. First and last step are computed, and
``retain`` of the run at the start (the release computes one step more there). The release's R
includes the probe blocks, whose live output is thrown away; here the residual starts behind them. It looks at
image tokens alone, here at all streams.

Source: arXiv:2508.17356.
"""

from __future__ import annotations

from typing import Literal

from foretrace.checks import one_of
from foretrace.gate.base import Reduce
from foretrace.gate.dicache import DiCache, ProbeError
from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.predictor import Aligned, Reuse
from foretrace.schedule import Window

CITATION = """
@inproceedings{bu2026dicache,
  title     = {{DiCache}: Let Diffusion Model Determine Its Own Cache},
  author    = {Bu, Jiazi and Ling, Pengyang and Zhou, Yujie and Wang, Yibin and Zang, Yuhang
               and Lin, Dahua and Wang, Jiaqi},
  booktitle = {ICLR},
  year      = {2026}
}
"""


def dicache(
    threshold: float = 0.4,
    error: ProbeError = "output",
    depth: int = 1,
    retain: float = 0.2,
    residual: Literal["aligned", "reused"] = "aligned",
    reduce: Reduce = "mean",
) -> Method:
    """``depth`` is the number of probe blocks, 1 to 5 in the paper; ``residual``: with gamma or as it was.

    With ``reduce="sample"`` the residual must be ``"reused"``: gamma is one number for the batch.
    """
    one_of("residual", residual, ("aligned", "reused"))
    predictor = Aligned() if residual == "aligned" else Reuse()
    sites = PerStack(head=depth, store="residual")
    return Method(Window(retain, 1), predictor, sites, gate=DiCache(threshold, error, reduce=reduce))
