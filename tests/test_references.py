"""The reference models: stock pipelines that draw what they are asked for, and clear words if files lack."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import foretrace as ft
from foretrace.demo import references
from foretrace.demo.references import CHECKOUT, REFERENCES, reference_folder
from foretrace.demo.tasks import load_task
from foretrace.errors import LoadError, UnknownReference

STOCK = {
    "shapes-dit": "DiTPipeline",
    "shapes-t2i": "PixArtAlphaPipeline",
    "shapes-flow": "FluxPipeline",
    "shapes-video": "LattePipeline",
}
HERE = [name for name in REFERENCES if REFERENCES[name].embedded or (CHECKOUT / name).is_dir()]


@pytest.mark.parametrize("name", HERE)
def test_it_is_a_stock_pipeline_and_draws_what_it_is_asked_for(name: str) -> None:
    task = load_task(name)
    assert type(task.pipe).__name__ == STOCK[name]
    files = reference_folder(name).rglob("*.safetensors")
    assert sum(path.stat().st_size for path in files) <= 12e6
    count = 2 if name == "shapes-video" else 6
    images = task.sample(count, seed=0)
    assert images.shape[0] == count and images.shape[-3:] == (3, 64, 64)
    assert task.score(images) >= 0.8
    wrong = images.roll(1, 0)  # every sample with its neighbour's condition
    assert task.score(wrong) < 0.8


@pytest.mark.parametrize("name", HERE)
def test_it_is_accelerated_and_put_back(name: str) -> None:
    task = load_task(name)
    plain = task.sample(1, 0, 6)
    with ft.accelerate(task.pipe, "tracache", interval=2, order=2) as run:
        task.sample(1, 0, 6)
    assert run.report.skipped
    assert task.sample(1, 0, 6).equal(plain)


def test_an_unknown_one_lists_those_that_exist() -> None:
    with pytest.raises(UnknownReference, match="shapes-dit, shapes-t2i, shapes-flow, shapes-video"):
        ft.reference("shapes-opera")


def test_a_missing_one_says_where_and_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "CHECKOUT", tmp_path)
    monkeypatch.setattr(references, "_from_hub", lambda name: None)
    with pytest.raises(UnknownReference) as caught:
        ft.reference("shapes-t2i")
    assert str(tmp_path / "shapes-t2i") in str(caught.value)
    assert "python training/export_t2i.py" in str(caught.value)


@pytest.mark.parametrize("file", ["transformer/diffusion_pytorch_model.safetensors", "vae/config.json"])
def test_a_damaged_file_is_named(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(CHECKOUT / "shapes-t2i", tmp_path / "shapes-t2i")
    damaged = tmp_path / "shapes-t2i" / file
    damaged.write_bytes(damaged.read_bytes()[:100])
    monkeypatch.setattr(references, "CHECKOUT", tmp_path)
    with pytest.raises(LoadError) as caught:
        ft.reference("shapes-t2i")
    assert str(damaged) in str(caught.value) and "training/export_t2i.py" in str(caught.value)
