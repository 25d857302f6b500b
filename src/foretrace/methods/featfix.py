"""FeatFix: at a sparse set of blocks a skipped step runs the exact block, and its exact output goes on.

    h_l = block_l(h_{l-1})                    l in ``blocks``, on the live, forecast input
    h_l = h_{l-1} + forecast of (h_l - h_{l-1})   elsewhere

The sites are not public, only the abstract is. Read so: the drafts are of every block's residual, so that an
exact output reaches the blocks behind it; the set of blocks is given, the same at every skipped step, and by
default the last one. Nothing is rejected.

Source: arXiv:2607.27842.
"""

from __future__ import annotations

import math

from foretrace.gate.verifier import Verifier
from foretrace.granularity import PerBlock
from foretrace.method import Method
from foretrace.predictor import Lagrange
from foretrace.schedule import Counter

CITATION = """
@misc{featfix2026,
  title         = {{FeatFix}},
  note          = {cited by its short name},
  year          = {2026},
  eprint        = {2607.27842},
  archivePrefix = {arXiv}
}
"""


def featfix(interval: int = 5, order: int = 1, warmup: int = 1, blocks: tuple[int, ...] = (-1,)) -> Method:
    """``blocks``: numbers in the order of the calls, negative from the end; each must be there."""
    verifier = Verifier(math.inf, sites=blocks, rejected="nothing", keep="exact")
    return Method(Counter(interval, warmup), Lagrange(order), PerBlock("residual"), verifier=verifier)
