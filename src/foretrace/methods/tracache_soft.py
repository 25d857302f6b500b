"""TraCache with a soft order: the second increment fades where it does not shrink. Not a published method.

    F(t) = phi_1(t) + k eps_2(t),    k = 1 / (1 + (caution std(eps_2) / std(eps_1))^2)

The published rule takes order 1 as soon as the second increment is the larger one, although a fixed order 2
is then often far better; a fixed order 2 has no brake over long gaps. This forecast is between the two
(`predictor/soft.py`). The default ``caution`` was chosen on shapes-dit, with noises that no table uses.
"""

from __future__ import annotations

from foretrace.granularity import PerStack
from foretrace.method import Method
from foretrace.methods.tracache import CITATION as CITATION
from foretrace.predictor import SoftLagrange
from foretrace.schedule import Anchor, FamilyStride, Stride


def tracache_soft(
    interval: int = 5, order: int = 2, caution: float = 0.5, anchor: Anchor | None = None
) -> Method:
    """TraCache's schedule and site with `SoftLagrange`."""
    schedule = FamilyStride(interval) if anchor is None else Stride(interval, anchor)
    return Method(schedule, SoftLagrange(order, caution=caution), PerStack())
