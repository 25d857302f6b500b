"""Ranks agree by one collective where a gate decides, and by none where a schedule does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch.multiprocessing as mp

from gates.rank import STEPS, work


@pytest.mark.parametrize("processes", [2, 4])
def test_ranks_decide_alike(processes: int, tmp_path: Path) -> None:
    mp.spawn(work, (processes, str(tmp_path)), nprocs=processes)
    ends = [json.loads((tmp_path / f"rank-{rank}.json").read_text()) for rank in range(processes)]
    alone = [end["alone"] for end in ends]
    assert len(set(map(tuple, alone))) > 1, "the ranks' own wishes must differ, or nothing is tested"
    together = [end["together"] for end in ends]
    assert together == [together[0]] * processes
    assert set(together[0]) == set().union(*alone), "what any rank wishes, all compute"
    assert [end["collectives"] for end in ends] == [STEPS - 1] * processes
    assert [end["static"] for end in ends] == [0] * processes
