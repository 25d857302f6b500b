"""The file of a profile: there and back, whole or not at all, and nothing in it runs."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

import foretrace as ft
from foretrace.calibrator.affine import AffineMap
from foretrace.calibrator.tcc import Place
from foretrace.errors import LoadError, ProfileError
from foretrace.history import SiteKey


def priors() -> ft.TCC:
    """One map of each storage, at odd places; two share their tensors."""
    rows = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    scale = torch.tensor(0.5)
    maps = [
        AffineMap(scale, rows[0]),
        AffineMap(scale, rows[0], rows.half()),
        AffineMap(scale, rows, None, (rows[:, :1], rows[:1])),
        AffineMap(scale, rows[0], None, (rows[:, :0], rows[:0])),
    ]
    keys = [("transformer", 0, 0, 0), ("transformer_2", 1, 11, 1), ("denoiser", 0, 2, 0), ("unet", 3, 0, 0)]
    return ft.TCC(
        {
            Place(2 * i, SiteKey(*key[:3]), key[3]): m
            for (i, key), m in zip(enumerate(keys), maps, strict=True)
        },
        write_back=True,
    )


def profile(calibrator: ft.TCC | None = None) -> ft.Profile:
    method = ft.Method(
        ft.Mask([0, 2]), ft.Damped(ft.Lagrange(2)), ft.PerStack(1), torch.bfloat16, calibrator=calibrator
    )
    made_for = {"model": {"transformer": "DiT"}, "steps": 8, "guidance": 1.5, "resolution": [4, 8, 8]}
    return ft.Profile(method, made_for, {"held_out_error": 0.125, "path": [{"error": 1.0}]})


def assert_same(a: ft.Profile, b: ft.Profile) -> None:
    assert (a.made_for, a.measured) == (b.made_for, b.measured)
    bare = [{**vars(one.method), "calibrator": None} for one in (a, b)]
    assert bare[0] == bare[1]
    first, second = a.method.calibrator, b.method.calibrator
    if first is None:
        assert second is None
        return
    assert isinstance(first, ft.TCC)
    assert isinstance(second, ft.TCC)
    assert first.write_back == second.write_back
    assert first.maps.keys() == second.maps.keys()
    for place, one in first.maps.items():
        other = second.maps[place].tensors
        assert one.tensors.keys() == other.keys()
        for name, tensor in one.tensors.items():
            assert torch.equal(tensor, other[name])
            assert tensor.dtype == other[name].dtype


@pytest.mark.parametrize("calibrator", [None, ft.TCC(), priors()], ids=["none", "empty", "priors"])
def test_saving_and_loading_gives_the_same(calibrator: ft.TCC | None, tmp_path: Path) -> None:
    made = profile(calibrator)
    path = made.save(tmp_path / "new" / "folder" / "p.safetensors")
    assert_same(ft.Profile.load(path), made)
    assert_same(ft.Profile.load(str(path)), made)
    assert path.stat().st_mode & 0o777 == 0o644
    assert made.save(path) == path
    assert [p.name for p in path.parent.iterdir()] == ["p.safetensors"]
    assert str(ft.Profile.load(path)) == str(made)


def test_loading_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = profile(priors()).save(tmp_path / "p.safetensors")
    with safe_open(str(path), framework="pt") as file:
        assert len(list(file.keys())) == 4 * 2 + 1 + 2 + 2

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a pickle was read")

    for module, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(module, name, refuse)
    assert_same(ft.Profile.load(path), profile(priors()))


def rewritten(path: Path, change: Callable[[dict[str, Any], dict[str, torch.Tensor]], object]) -> Path:
    """The file with its header and tensors changed in place."""
    with safe_open(str(path), framework="pt") as file:
        header = json.loads(file.metadata()["foretrace_profile"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    change(header, tensors)
    save_file(tensors, path, metadata={"foretrace_profile": json.dumps(header)})
    return path


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda header, _: header.update(schema=99), "schema 99; expected 1"),
        (lambda header, _: header.pop("schema"), "schema None"),
        (lambda header, _: header.pop("made_for"), "lacks made_for"),
        (lambda header, _: header["method"]["predictor"].update(part="Wizard"), "Wizard"),
        (lambda header, _: header["method"]["schedule"]["fields"].update(wisdom=1), "wisdom"),
        (lambda _, tensors: tensors.pop("0/transformer/0/0/0.scale"), "priors .*damaged"),
        (lambda _, tensors: tensors.update({"odd.scale": torch.ones(1)}), "priors .*damaged"),
        (lambda header, _: header["calibrator"].pop("write_back"), "priors .*damaged"),
    ],
)
def test_a_changed_file_is_refused(change: Any, named: str, tmp_path: Path) -> None:
    path = profile(priors()).save(tmp_path / "p.safetensors")
    assert_same(ft.Profile.load(rewritten(path, lambda *_: None)), profile(priors()))
    with pytest.raises(ProfileError, match=rf"{named}.*(?i:again)"):
        ft.Profile.load(rewritten(path, change))


def test_other_safetensors_are_no_profiles(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    for metadata in (None, {"format": "pt"}, {"foretrace_profile": "{"}, {"foretrace_profile": "[]"}):
        save_file({"weight": torch.ones(2)}, path, metadata=metadata)
        with pytest.raises(ProfileError, match=rf"{path} is a safetensors file, but no profile"):
            ft.Profile.load(path)


@given(kept=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_told_by_name(kept: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = profile(priors()).save(tmp_path_factory.getbasetemp() / "whole.safetensors")
    part = path.with_name("part.safetensors")
    data = path.read_bytes()
    part.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(LoadError, match=rf"{part} cannot be read"):
        ft.Profile.load(part)


def test_missing_files_are_told_by_name(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.safetensors", tmp_path):
        with pytest.raises(LoadError, match=f"no profile at {path}"):
            ft.Profile.load(path)


@pytest.mark.parametrize("module", [(os, "fdopen"), (Path, "replace"), (Path, "chmod")], ids=lambda m: m[1])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=repr)
def test_a_write_that_fails_leaves_nothing(
    module: Any, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = profile().save(tmp_path / "old.safetensors")
    before = old.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(*module, fail)
    for name in ("old", "new"):
        with pytest.raises(type(error)):
            profile(priors()).save(tmp_path / f"{name}.safetensors")
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["old.safetensors"]
    assert old.read_bytes() == before


class Other(ft.Calibrator):
    def correct(self, forecast, site, step):
        return forecast

    @property
    def nbytes(self) -> int:
        return 0


def test_what_a_profile_cannot_hold_is_refused_before_a_file_is_made(tmp_path: Path) -> None:
    made = profile()
    method = ft.Method(made.method.schedule, made.method.predictor, calibrator=Other())
    with pytest.raises(ProfileError, match="cannot hold Other"):
        ft.Profile(method, {}).save(tmp_path / "p.safetensors")
    assert not list(tmp_path.iterdir())
