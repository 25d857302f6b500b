"""Several processes that record into one folder."""

from __future__ import annotations

import json
from pathlib import Path

import torch.multiprocessing as mp

import foretrace as ft
from offline.rank import PROCESSES, STEPS, Pipeline, calls, prints, work


def test_two_processes_share_the_calls_and_end_with_the_same(tmp_path: Path) -> None:
    mp.spawn(work, (str(tmp_path),), nprocs=PROCESSES)
    ends = [json.loads((tmp_path / f"rank-{rank}.json").read_text()) for rank in range(PROCESSES)]
    assert [made for made, _, _ in ends] == [2 * STEPS, STEPS]
    assert all("folder got None with 2 processes; expected a folder" in refused for _, _, refused in ends)
    pipe = Pipeline()
    alone = prints(ft.record(pipe, calls()))
    assert [found for _, found, _ in ends] == [alone] * PROCESSES
    made = pipe.transformer.calls
    assert prints(ft.record(pipe, calls(), folder=tmp_path / "shared")) == alone
    assert pipe.transformer.calls == made, "all is there already"
