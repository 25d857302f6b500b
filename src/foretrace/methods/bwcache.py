"""BWCache: once the outputs of all blocks have hardly changed on average, reuse them for some steps.

    d = mean_l  sum|h_l - h_l'| / sum|h_l'|       h_l: block l's output, h_l': at the computed step before
    d < threshold:  the outputs are reused for R steps, then a step is computed and d tested again
    reuse first begins with k steps left:  the last k/2 steps are computed

R is a tenth of the run. The paper compares adjacent steps; what is compared after a pause is not public:
here the newest two computed steps, whatever lies between, without dividing by the distance, so that a pause
must be earned again. All blocks' outputs being reused, only the last one's counts: ``PerStack()`` in place of
``PerBlock()`` skips the same way with a test of that one alone.

Source: arXiv:2509.13789.
"""

from __future__ import annotations

from foretrace.gate.base import Reduce
from foretrace.gate.bwcache import BWCache
from foretrace.granularity import PerBlock
from foretrace.method import Method
from foretrace.predictor import Reuse
from foretrace.schedule import Window

CITATION = """
@inproceedings{cui2026bwcache,
  title     = {{BWCache}: Accelerating Video Diffusion Transformers through Block-Wise Caching},
  author    = {Cui, Hanshuai and Tang, Zhiqing and Xu, Zhifei and Yao, Zhi and Zeng, Wenyi and Jia, Weijia},
  booktitle = {ICLR},
  year      = {2026}
}
"""


def bwcache(
    threshold: float = 0.15, reuse: int | float = 0.1, tail: float = 0.5, reduce: Reduce = "mean"
) -> Method:
    """``threshold`` is the paper's delta; ``reuse``: steps, or a share of the run."""
    return Method(Window(), Reuse(), PerBlock(), gate=BWCache(threshold, reuse, tail, reduce=reduce))
