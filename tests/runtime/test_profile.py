"""A profile at work: the same as its method, on what it was made for and on nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

import foretrace as ft
from foretrace.calibrator.affine import AffineMap
from foretrace.calibrator.tcc import Place
from foretrace.errors import AttachError, InvalidSetting, LoadError, ProfileMismatch
from foretrace.history import SiteKey
from foretrace.offline.collect import RunFacts, never_skip, observing
from foretrace.profile.fingerprint import fingerprint_of_models, fingerprint_of_sampler
from runtime.test_laws import snapshot
from runtime.test_pipelines import Call, dit, flux, wan

MAKERS = {"dit": dit, "flux": flux, "wan": wan}


def quiet(name: str) -> tuple[Any, Call]:
    pipe, call = MAKERS[name]()
    pipe.set_progress_bar_config(disable=True)
    return pipe, call


def method(channels: int = 4) -> ft.Method:
    """With a correction of one skipped step, so that the priors matter."""
    shift = AffineMap(torch.tensor(1.01), torch.full((channels,), 0.1))
    tcc = ft.TCC({Place(4, SiteKey("transformer", 0, 0), 0): shift}, write_back=True)
    return ft.Method(ft.Mask([0, 3, 6]), ft.Lagrange(1), calibrator=tcc)


def profile(pipe: Any, call: Call, **run: Any) -> ft.Profile:
    """Made for one run of ``call``."""
    facts = RunFacts()
    made_for = fingerprint_of_models({"transformer": pipe.transformer}) | fingerprint_of_sampler(
        pipe.scheduler
    )
    with observing(pipe, never_skip(ft.PerModel()), None, facts):
        call(**run)
    return ft.Profile(method(), made_for | facts.seen)


@pytest.mark.parametrize("name", MAKERS)
def test_a_profile_is_its_method_bit_for_bit(name: str, tmp_path: Path) -> None:
    pipe, call = quiet(name)
    made = profile(pipe, call)
    with ft.accelerate(pipe, made.method):
        expected = call()
    assert not np.array_equal(expected, call())
    with ft.accelerate(pipe, ft.Method(made.method.schedule, made.method.predictor)):
        assert not np.array_equal(expected, call()), "the priors do nothing"
    path = made.save(tmp_path / "p.safetensors")
    for given in (made, path, str(path)):
        with ft.accelerate(pipe, profile=given) as run:
            assert np.array_equal(call(), expected)
            assert np.array_equal(call(), expected)
        assert run.report.computed == [0, 3, 6]
    handle = ft.attach(pipe, profile=path)
    assert np.array_equal(call(), expected)
    handle.detach()


def test_a_profile_comes_alone(tmp_path: Path) -> None:
    pipe, call = quiet("dit")
    made, before = profile(pipe, call), snapshot(pipe.transformer)
    with pytest.raises(InvalidSetting, match="a profile and also fora; expected a profile alone"):
        ft.attach(pipe, "fora", profile=made)
    with pytest.raises(InvalidSetting, match="a profile and also interval, order"):
        ft.attach(pipe, profile=made, interval=3, order=2)
    with pytest.raises(InvalidSetting, match=r"got no method; expected .*profile="):
        ft.attach(pipe)
    with pytest.raises(LoadError, match=re.escape(str(tmp_path / "nothing"))):
        ft.attach(pipe, profile=tmp_path / "nothing")
    assert snapshot(pipe.transformer) == before


def test_another_sampler_or_model_is_refused_before_anything_changes() -> None:
    pipe, call = quiet("dit")
    made, before = profile(pipe, call), snapshot(pipe.transformer)
    right, pipe.scheduler = pipe.scheduler, DDIMScheduler(beta_end=0.03)
    with pytest.raises(ProfileMismatch, match=r"settings\.beta_end is 0\.03, not 0\.02"):
        ft.attach(pipe, profile=made)
    with ft.accelerate(pipe, profile=made.allowing("settings")):
        call()
    pipe.scheduler = right
    other, _ = quiet("flux")
    with pytest.raises(ProfileMismatch, match=r"model\.transformer.*sampler"):
        ft.attach(other, profile=made)
    assert snapshot(pipe.transformer) == before


RUNS = {
    "steps": ("dit", {"steps": 9}, {"steps": 8}),
    "guidance": ("wan", {"guidance_scale": 2.0}, {"guidance_scale": 5.0}),
    "resolution": ("flux", {"height": 32}, {}),
}


@pytest.mark.parametrize("field", RUNS)
def test_every_run_is_compared_at_its_first_call(field: str) -> None:
    name, wrong, right = RUNS[field]
    pipe, call = quiet(name)
    if name == "flux":  # its caller fixes the height
        call = lambda height=64: flux_call(pipe, height)  # noqa: E731
    made = profile(pipe, call, **right)
    assert made.made_for[field] is not None
    with ft.accelerate(pipe, made.method):
        expected = call(**right)
    with ft.accelerate(pipe, profile=made) as run:
        for _ in range(2):
            with pytest.raises(ProfileMismatch, match=f"{field} is .*allowing\\('{field}'\\)"):
                call(**wrong)
            assert run.report.computed == [], "a step was made"
            assert np.array_equal(call(**right), expected)
    if field != "steps":
        with ft.accelerate(pipe, profile=made.allowing(field)) as run:
            call(**wrong)
        assert run.report.computed == [0, 3, 6]


def flux_call(pipe: Any, height: int) -> np.ndarray:
    generator = torch.Generator().manual_seed(0)
    return pipe(
        prompt_embeds=torch.randn(1, 7, 12, generator=generator),
        pooled_prompt_embeds=torch.randn(1, 10, generator=generator),
        height=height, width=64, num_inference_steps=8, generator=generator, output_type="latent",
    ).images.numpy()  # fmt: skip


def test_attached_twice_is_told_as_ever() -> None:
    pipe, call = quiet("dit")
    made = profile(pipe, call)
    handle = ft.attach(pipe, profile=made)
    with pytest.raises(AttachError):
        ft.attach(pipe, profile=made)
    handle.detach()
