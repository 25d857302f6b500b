"""AdaCache: the rate at which a middle block's residual changes says how many steps to skip.

    c = sum|r_new - r_old| / sum|r_old| / (steps between them)       at computed steps
    the next computed step is codebook(c) steps on
    skipped:  every block adds its residual of the last computed step to its live input

``motion="moreg"``, for videos, multiplies c by g + 10 |g - g_before| / steps, where g = (m / scale)^8 and m
is the relative L1 difference of neighbouring frames of r (`gate/motion.py`); ``frames`` are the latent's,
read from its shape where they are not given.

First, second and the last two steps are computed. The codebooks are the released ones of Open-Sora
(`gate/codebook.py`); those of other models are not public. Open-Sora's r is the gated temporal attention of
block 13 of 28; here it is what the whole block adds. The release divides by the interval that the codebook
had asked for, which is the number of steps between, since only the last two steps are forced.

Source: arXiv:2411.02397.
"""

from __future__ import annotations

from typing import Literal

from foretrace.checks import one_of
from foretrace.gate.adacache import AdaCache
from foretrace.gate.base import Reduce
from foretrace.gate.codebook import CODEBOOKS
from foretrace.gate.motion import MoReg
from foretrace.granularity import PerBlock
from foretrace.method import Method
from foretrace.predictor import Reuse
from foretrace.schedule import Window

CITATION = """
@inproceedings{kahatapitiya2025adacache,
  title     = {Adaptive Caching for Faster Video Generation with Diffusion Transformers},
  author    = {Kahatapitiya, Kumara and Liu, Haozhe and He, Sen and Liu, Ding and Jia, Menglin
               and Zhang, Chenyang and Ryoo, Michael S. and Xie, Tian},
  booktitle = {ICCV},
  year      = {2025}
}
"""

MOTION_WINDOW = {"fast": (4 / 30, 26 / 30), "slow": (4 / 30, 26 / 30), "fast-100": (0.1, 0.9)}
"""The shares of the run between which motion counts, as released."""


def adacache(
    codebook: str = "fast",
    motion: Literal["none", "moreg"] = "none",
    motion_scale: float = 0.385,
    frames: int | None = None,
    block: int | None = None,
    reduce: Reduce = "mean",
) -> Method:
    """``codebook``: ``fast`` or ``slow`` (30 steps), or ``fast-100``; ``block``: the watched one."""
    one_of("codebook", codebook, sorted(CODEBOOKS))
    one_of("motion", motion, ("none", "moreg"))
    begin, end = MOTION_WINDOW[codebook]
    moreg = MoReg(motion_scale, begin=begin, end=end, frames=frames) if motion == "moreg" else None
    gate = AdaCache(CODEBOOKS[codebook], block, moreg, reduce=reduce)
    return Method(Window(1, 2), Reuse(), PerBlock(store="residual"), gate=gate)
