"""FORA: compute every k-th step and reuse its feature until the next (arXiv:2407.01425).

    F(t) = F(t_1)

The release counts DiT's steps down and computes the last one; on PixArt-alpha and Open-Sora the same
baseline counts up (`schedule.py`). The sites are the attention and feed-forward outputs of every block,
before their gates: a skipped step runs norms, modulation, gates and residual additions with the live time.
"""

from __future__ import annotations

from foretrace.granularity import PerModule
from foretrace.method import Method
from foretrace.predictor import Reuse
from foretrace.schedule import Anchor, FamilyStride, Stride

CITATION = """
@article{selvaraju2024fora,
  title   = {{FORA}: Fast-Forward Caching in Diffusion Transformer Acceleration},
  author  = {Selvaraju, Pratheba and Ding, Tianyu and Chen, Tianyi and Zharkov, Ilya and Liang, Luming},
  journal = {arXiv preprint arXiv:2407.01425},
  year    = {2024}
}
"""


def fora(interval: int = 3, anchor: Anchor | None = None) -> Method:
    """Reuse with a stride of ``interval``; ``anchor=None`` is the one papers use on the model's family."""
    schedule = FamilyStride(interval) if anchor is None else Stride(interval, anchor)
    return Method(schedule, Reuse(), PerModule("attn", "ff"))
