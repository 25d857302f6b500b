"""One decision on all ranks: where several processes run one model, all of them compute or none does."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import distributed


def agree(wishes: Sequence[bool]) -> list[bool]:
    """What any rank wishes to compute, all compute: one collective, and none where there is one process."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return list(wishes)
    if distributed.get_world_size() == 1:
        return list(wishes)
    on_gpu = distributed.get_backend() == "nccl"
    device = torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")
    votes = torch.tensor([int(x) for x in wishes], device=device)
    distributed.all_reduce(votes, distributed.ReduceOp.MAX)
    return [bool(x) for x in votes.tolist()]
