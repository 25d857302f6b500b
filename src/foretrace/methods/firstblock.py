"""FirstBlockCache: run the first block, and skip the others while what it adds has hardly changed.

    r = first block's output - its input
    compute iff mean|r - r_c| / mean|r_c| >= threshold,   c: the last computed step
    skipped:  h_out = h_1 + (h_out - h_1) of the last computed step,  h_1: the first block's live output

From ParaAttention (chengzeyi), shipped by diffusers as ``FirstBlockCacheConfig``; there is no paper.
Not a published method; read off what was released. The
first block's work is not repeated when the step turns out to be computed.
"""

from __future__ import annotations

from foretrace.gate.base import Reduce
from foretrace.gate.first_block import FirstBlock
from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.predictor import Reuse
from foretrace.schedule import Window

CITATION = """
@misc{cheng2024firstblockcache,
  title        = {ParaAttention: context parallel attention and first block cache},
  author       = {Cheng, Zeyi},
  howpublished = {github.com/chengzeyi/ParaAttention},
  year         = {2024}
}
"""


def firstblock(threshold: float = 0.05, reduce: Reduce = "mean") -> Method:
    """``threshold``: diffusers' default is 0.05; 0.08 to 0.12 are common on FLUX."""
    return Method(
        Window(), Reuse(), PerStack(head=1, store="residual"), gate=FirstBlock(threshold, reduce=reduce)
    )
