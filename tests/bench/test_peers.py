"""Peers in processes of their own: what works is measured, what does nothing or fails says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from foretrace.bench.entries import PEERS
from foretrace.bench.peers import measure
from foretrace.bench.peers.counting import computed_steps
from foretrace.bench.peers.install import _DIFFUSERS, IDENTIFIERS
from foretrace.bench.rows import Row
from foretrace.bench.runner import run_bench
from foretrace.bench.spec import make_spec
from foretrace.bench.subject import load_subject
from foretrace.macs import Macs

ACTIVE = "cache-dit:Fn_compute_blocks=1,max_warmup_steps=1,residual_diff_threshold=0.9"
ASKED = {
    "model": "shapes-dit", "samples": 2, "batch": 2, "steps": 6, "rounds": 1, "device": "cpu",
    "peers": ["diffusers-taylorseer", "diffusers-fbc:threshold=0.5", ACTIVE],
    "samplers": [], "fewer_steps": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    spec = make_spec({**ASKED, "out": tmp_path_factory.mktemp("peers")})
    return {row.label: row for row in run_bench(spec, load_subject("shapes-dit", "cpu", "auto"))}


@pytest.mark.parametrize("label", ["diffusers-fbc:threshold=0.5", ACTIVE])
def test_a_peer_that_skips_is_measured_beside_its_own_uncached_run(rows: dict[str, Row], label: str) -> None:
    row = rows[label]
    assert (row.kind, row.status) == ("peer", "ok"), row.reason
    assert 0 < len(row.computed) < 6
    assert row.macs["nominal"] < row.macs["total"] < row.macs_full["total"]
    assert row.macs_full["total"] == rows["uncached"].macs_full["total"]  # two ways to count
    assert row.latency is not None and len(row.latency.speedups) == 1
    assert row.quality["relative_l2"].value > 0
    assert row.history_bytes and row.history_bytes > 0
    assert row.trajectory["error_by_step"][0] == pytest.approx(0, abs=1e-6)


def test_a_peer_that_does_nothing_says_so(rows: dict[str, Row]) -> None:
    row = rows["diffusers-taylorseer"]
    assert (row.status, row.computed) == ("no effect", list(range(6)))
    assert "bit for bit" in row.reason
    assert row.latency is None


def test_a_peer_that_fails_says_why(tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    plain = {"model": str(tmp_path / "none"), "samples": 2}
    request.write_text(json.dumps({"peer": "cache-dit", "settings": {}, "spec": plain, "threads": 1}))
    measure.main(request)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["status"] == "failed"
    assert result["reason"].startswith("LoadError")


def test_every_known_peer_can_be_installed() -> None:
    assert set(PEERS) == {*_DIFFUSERS, "cache-dit"}


def test_identifiers_match_the_modules_they_name() -> None:
    import re

    names = ["transformer_blocks.3.attn1", "single_transformer_blocks.0.attn", "transformer_blocks.1.ff"]
    assert [bool(re.fullmatch(IDENTIFIERS["attn"], name)) for name in names] == [True, True, False]
    assert all(re.fullmatch(IDENTIFIERS["attn+ff"], name) for name in names)
    assert not re.fullmatch(IDENTIFIERS["attn+ff"], "proj_out")


def test_a_step_is_computed_if_it_executes_all() -> None:
    full = [Macs(10, 1000)] * 3
    assert computed_steps([Macs(10, 1000), Macs(1, 650), Macs(0, 0)], full) == [0]


def test_a_process_that_dies_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from foretrace.bench.peers import launch

    monkeypatch.setattr(launch.sys, "executable", "/bin/false")
    result = launch._run(tmp_path / "request.json", tmp_path, lambda done: None)
    assert result["status"] == "failed"
    assert "ended with 1" in result["reason"]
    assert torch.get_num_threads() == 1
