"""Sharing calls between the processes of one job, where torch.distributed is up."""

from __future__ import annotations

from pathlib import Path

import torch.distributed as dist

from foretrace.errors import InvalidSetting


def share(count: int, folder: Path | None) -> range:
    """The numbers of the calls that this process makes: every n-th of ``count``, or all of them."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return range(count)
    if folder is None:
        raise InvalidSetting(
            f"folder got None with {dist.get_world_size()} processes; expected a folder that all of them "
            "see, through which they share the calls. Pass folder=..."
        )
    return range(dist.get_rank(), count, dist.get_world_size())


def gather_done() -> None:
    """Wait until every process has made its calls."""
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        dist.barrier()
