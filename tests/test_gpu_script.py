"""``benchmarks/gpu.py`` on tiny models on the CPU: the code of a run on a GPU, but for the device."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

import foretrace as ft

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
STEPS = 6
WORDS = ("--tiny", "--steps", str(STEPS), "--rounds", "1")
MILLIONS = {
    "dit-xl-2-256": 750, "pixart-256": 611, "pixart-512": 611, "flux-dev-1024": 11_901,
    "wan-1.3b-480p": 1_419, "hunyuanvideo-480p": 12_821,
}  # fmt: skip
"""Parameters of diffusers' classes; its DiT has a time embedder in every block, 75 beyond the paper's 675."""


@pytest.fixture(scope="module")
def gpu() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import gpu

        yield gpu
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def lines(gpu: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    out = tmp_path_factory.mktemp("gpu") / "gpu.jsonl"
    arms = ("--arms", "fora", "tracache", "diffusers-taylorseer", "diffusers-fbc", "cache-dit")
    words = ("--models", "flux-dev-1024", "--modes", "eager", "graphs", "--out", str(out))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.showwarning", lambda *_: None)
        gpu.main([*WORDS, *arms, *words])
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_every_arm_has_a_line_in_every_mode(lines: list[dict]) -> None:
    found = {mode: [line["arm"] for line in lines if line["mode"] == mode] for mode in ("eager", "graphs")}
    assert found["eager"] == found["graphs"] and len(found["eager"]) == 8
    for line in lines:
        expected = "ok" if line["mode"] == "eager" else "not run"
        assert line["status"] == expected, line["reason"]
        assert line["tiny"] and {"commit", "torch", "diffusers", "device", "command"} <= line.keys()


def test_steps_are_those_of_the_schedules(lines: list[dict]) -> None:
    for line in (one for one in lines if one["status"] == "ok"):
        if line["kind"] == "uncached":
            expected = list(range(STEPS))
        elif line["kind"] == "foretrace":
            expected = ft.Stride(5, "first").table(STEPS)
        elif line["arm"].startswith("diffusers-taylorseer"):
            expected = [0, 1, 2, 4]  # it counts the interval from the step before the first that it may skip
        else:
            expected = ft.Counter(5, 3).table(STEPS)
        assert line["computed"] == expected, line["arm"]


def test_numbers_fit_together(lines: list[dict]) -> None:
    uncached, *others = [line for line in lines if line["status"] == "ok"]
    assert uncached["speedup"] == uncached["efficiency"] == 1 and uncached["skipped_ms"] is None
    assert uncached["history_bytes"] == 0
    for line in others:
        assert line["efficiency"] == pytest.approx(line["speedup"] * len(line["computed"]) / STEPS)
        assert line["skipped_ms"]["median"] > 0 and line["history_bytes"] > 0
        assert line["macs"] < uncached["macs"]
    kept = {line["arm"]: line["history_bytes"] for line in others}
    latent = 4 * 16 * 4
    assert kept["fora:interval=5,granularity=model"] == latent
    assert kept["tracache:interval=5,order=4,granularity=model"] == 2 * latent


@pytest.mark.parametrize("name", MILLIONS)
def test_models_have_their_true_size(gpu: ModuleType, name: str) -> None:
    which = gpu.ARCHITECTURES[name]
    model = which.build(False, torch.device("meta"), torch.bfloat16)
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(MILLIONS[name], rel=0.01)


def test_without_cuda_it_says_what_to_do(
    gpu: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as stop:
        gpu.main([])
    assert stop.value.code == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "got no CUDA device" in told and "pass --tiny" in told


def test_only_torch_and_diffusers_are_needed() -> None:
    extras = ("rich", "typer", "jinja2", "matplotlib", "torchmetrics", "cache_dit")
    code = f"import sys\nfor name in {extras}: sys.modules[name] = None\nimport gpu\nprint(len(gpu.ARMS))"
    done = subprocess.run([sys.executable, "-c", code], cwd=BENCHMARKS, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
