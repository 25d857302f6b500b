"""Recordings: what was really computed, without a trace on the pipeline or the calls."""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler, FlowMatchEulerDiscreteScheduler, PixArtAlphaPipeline
from torch import Tensor

import foretrace as ft
from foretrace.errors import InvalidSetting, LoadError, ProfileError, UnsupportedTarget
from foretrace.history import SiteKey
from foretrace.offline.calls import digest, fresh
from foretrace.offline.sampling import LatentPath, sample, watch_latents
from offline.common import STEPS, calls, counted, latents, tiny
from runtime.test_laws import snapshot
from runtime.test_pipelines import _autoencoder
from tiny import FAMILIES

EVERYTHING = ("gram", "means", "features", "path")
SITE = SiteKey("transformer", 0, 0)


def assert_same(a: ft.Recording, b: ft.Recording) -> None:
    assert a.made_for == b.made_for
    assert [s.about for s in a.shards] == [s.about for s in b.shards]
    for one, other in zip(a.shards, b.shards, strict=True):
        assert one.names() == other.names()
        assert all(torch.equal(one.get(name), other.get(name)) for name in one.names())


@pytest.mark.parametrize(
    ("name", "keep"), [("flux", EVERYTHING), ("wan", "means"), ("wan-experts", "gram"), ("flux", ())], ids=str
)
def test_final_latents_are_those_of_the_plain_pipeline(name: str, keep: Any) -> None:
    pipe, made = tiny(name), calls(2, name.partition("-")[0])
    found = ft.record(pipe, made, sites="stack", keep=keep)
    for call, got in zip(made, found.latents, strict=True):
        assert torch.equal(got, latents(pipe, call))
    assert found.steps == STEPS
    assert found.times == pytest.approx(times_of(pipe), rel=1e-6)


def times_of(pipe: Any) -> list[float]:
    unit = 1e-3 if isinstance(pipe.scheduler, FlowMatchEulerDiscreteScheduler) else 1.0
    return [float(t) * unit for t in pipe.scheduler.timesteps]


def test_a_scheduler_that_draws_noise_draws_it_from_the_generator() -> None:
    """Pipelines read the signature of ``scheduler.step`` to know whether it takes one."""
    pipe = PixArtAlphaPipeline(None, None, _autoencoder(), FAMILIES["pixart"].model(), DDPMScheduler())
    pipe.set_progress_bar_config(disable=True)
    text = torch.randn(2, 1, 5, 12, generator=torch.Generator().manual_seed(0))
    call = {
        "prompt": None, "negative_prompt": None, "prompt_embeds": text[0], "negative_prompt_embeds": text[1],
        "prompt_attention_mask": torch.ones(1, 5), "negative_prompt_attention_mask": torch.ones(1, 5),
        "height": 8, "width": 8, "num_inference_steps": 6, "use_resolution_binning": False,
        "output_type": "latent", "generator": torch.Generator().manual_seed(0),
    }  # fmt: skip
    assert torch.equal(ft.record(pipe, [call]).latents[0], latents(pipe, call))


def test_gram_means_and_features_are_those_of_the_outputs() -> None:
    pipe, made = tiny(), calls(2, batch=3)
    with counted(pipe) as seen:
        for call in made:
            pipe(**fresh(call))
    runs = [seen[:STEPS], seen[STEPS:]]
    found = ft.record(pipe, made, keep=EVERYTHING)
    assert found.sites == [SITE]
    total = sum(gram(run) for run in runs)
    torch.testing.assert_close(found.gram(), total / 6, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.gram(SITE), total / 6, rtol=1e-9, atol=1e-9)
    for step in range(STEPS):
        for number, run in enumerate(runs):
            (feature,) = found.features(number, step, SITE)
            assert torch.equal(feature, run[step])
        means = torch.cat([run[step].mean(dim=(2, 3)) for run in runs])
        torch.testing.assert_close(found.means(step, SITE), means, rtol=1e-5, atol=1e-6)


def gram(features: list[Tensor]) -> Tensor:
    rows = torch.stack([x.flatten().double() for x in features])
    return rows @ rows.T


@pytest.mark.parametrize("name", ["dit", "flux"])
def test_a_path_has_the_latents_of_every_step_once(name: str, tmp_path: Path) -> None:
    pipe, made = tiny(name), calls(2, name, batch=2)
    if name == "dit":  # its scheduler is given both rows of the guidance
        made = [call | {"guidance_scale": 2.0} for call in made]
    kept = ft.record(pipe, made, keep="path")
    assert (kept.path_length, kept.sites) == (STEPS, [])
    for number, call in enumerate(made):
        seen = LatentPath()
        final = sample(pipe, call, seen)
        assert torch.equal(kept.path(number, STEPS - 1).float(), final)
        for step, latent in enumerate(seen.found):
            assert torch.equal(kept.path(number, step), latent[: len(final)])
    assert_same(ft.record(pipe, made, keep="path", folder=tmp_path), kept)
    assert ft.record(pipe, made, keep="gram").path_length == 0


def test_streams_and_sites_are_summed_or_apart() -> None:
    pipe, made = tiny("flux"), calls(1, "flux")
    found = ft.record(pipe, made, sites="block", keep=EVERYTHING)
    assert [site.number for site in found.sites] == [0, 1, 2, 3]
    for site in found.sites:
        steps = [found.features(0, step, site) for step in range(STEPS)]
        streams = [gram(list(stream)) for stream in zip(*steps, strict=True)]
        assert len(streams) == len(steps[0]) > 1 or site.number > 1
        torch.testing.assert_close(found.gram(site), sum(streams) / 2, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found.gram(), sum(map(found.gram, found.sites)), rtol=1e-9, atol=1e-9)


def test_an_expert_counts_only_at_its_own_steps() -> None:
    pipe, made = tiny("wan-experts"), calls(1, "wan")
    found = ft.record(pipe, made)
    first, second = (
        sum(found.gram(site).diagonal() for site in found.sites if site.denoiser == name)
        for name in ("transformer", "transformer_2")
    )
    switch = int((pipe.scheduler.timesteps >= 500).sum())
    assert 0 < switch < STEPS
    assert first[:switch].all()
    assert not first[switch:].any()
    assert second[switch:].all()
    assert not second[:switch].any()


@pytest.mark.parametrize("name", ["dit", "flux"])
def test_calls_and_pipeline_are_left_as_they_were(name: str, tmp_path: Path) -> None:
    pipe, made = tiny(name), calls(2, name)
    pipe.set_progress_bar_config(disable=True, leave=False)
    states = [call["generator"].get_state() for call in made]
    pipe(**fresh(made[0]))  # diffusers' cache_context leaves an attribute at the first call
    before = snapshot(pipe.transformer), sorted(vars(pipe.scheduler)), dict(pipe._progress_bar_config)
    ft.record(pipe, made, sites="block", keep=EVERYTHING, folder=tmp_path)
    assert (snapshot(pipe.transformer), sorted(vars(pipe.scheduler)), pipe._progress_bar_config) == before
    assert all(torch.equal(c["generator"].get_state(), s) for c, s in zip(made, states, strict=True))


@pytest.mark.parametrize("own", [False, True], ids=["without", "with"])
def test_an_exception_in_a_call_leaves_the_pipeline_as_it_was(own: bool) -> None:
    pipe, made = tiny(), calls(1)
    del pipe._progress_bar_config
    if own:  # someone else watches the scheduler too, and the bar is set
        pipe.scheduler.step = step = pipe.scheduler.step
        pipe._progress_bar_config = bar = {"leave": False}
    before = snapshot(pipe.transformer)

    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    hook = pipe.transformer.register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        ft.record(pipe, made)
    hook.remove()
    assert snapshot(pipe.transformer) == before
    assert vars(pipe.scheduler).get("step") is (step if own else None)
    assert getattr(pipe, "_progress_bar_config", None) is (bar if own else None)


def test_watching_a_scheduler_does_not_show() -> None:
    """Not in its signature, and a copy that is made meanwhile steps by itself, unseen."""
    scheduler = FlowMatchEulerDiscreteScheduler()
    signature = inspect.signature(scheduler.step)
    scheduler.set_timesteps(4)
    x = torch.ones(1, 2)
    with watch_latents(scheduler) as seen:
        assert inspect.signature(scheduler.step) == signature
        copied = copy.deepcopy(scheduler)
        own = scheduler.step(x, scheduler.timesteps[0], 2 * x).prev_sample
        for time in copied.timesteps[:3]:
            copied.step(x, time, 5 * x)
        assert torch.equal(seen.newest, own)
        assert (scheduler.step_index, copied.step_index) == (1, 3)
        (pair,) = scheduler.step(x, scheduler.timesteps[1], x, return_dict=False)
        assert torch.equal(seen.newest, pair)


def test_a_folder_keeps_the_same_and_is_not_made_twice(tmp_path: Path) -> None:
    pipe, made = tiny(), calls(3)
    in_memory = ft.record(pipe, made, keep=EVERYTHING)
    with counted(pipe) as seen:
        assert_same(ft.record(pipe, made[:2], keep=EVERYTHING, folder=tmp_path), in_memory.subset([0, 1]))
        assert len(seen) == 2 * STEPS
        assert_same(ft.record(pipe, iter(made), keep=EVERYTHING, folder=tmp_path), in_memory)
        assert len(seen) == 3 * STEPS, "only the third was missing"
        sorted(tmp_path.iterdir())[1].unlink()
        assert_same(ft.record(pipe, made, keep=EVERYTHING, folder=str(tmp_path)), in_memory)
        assert len(seen) == 4 * STEPS, "only the second was missing"
        again = ft.record(pipe, made, keep=EVERYTHING, folder=tmp_path)
        assert len(seen) == 4 * STEPS
    assert_same(again.subset([2, 0]), in_memory.subset([2, 0]))
    assert again.nbytes == in_memory.nbytes > 0
    assert len(list(tmp_path.iterdir())) == 3


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    pipe, made = tiny(), calls(1)
    ft.record(pipe, made, folder=tmp_path)
    place = str(tmp_path / "call-00000.safetensors")
    with counted(pipe) as seen:
        for other, how, named in (
            (calls(2)[1:], {}, "call"),
            (calls(1, batch=1), {}, "call"),
            (made, {"sites": "stack"}, "sites"),
            (made, {"keep": EVERYTHING}, "keep"),
        ):
            with pytest.raises(LoadError, match=rf"{place} was recorded for something else \({named} differ"):
                ft.record(pipe, other, folder=tmp_path, **how)
        with torch.no_grad():
            pipe.transformer.proj_out_2.bias[0] += 1
        with pytest.raises(LoadError, match=r"made_for\.weights differ"):
            ft.record(pipe, made, folder=tmp_path)
        assert seen == []


def test_a_damaged_file_is_told_by_name(tmp_path: Path) -> None:
    pipe, made = tiny(), calls(1)
    ft.record(pipe, made, folder=tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(LoadError, match=f"{path} is no shard of a recording.*Delete it"):
        ft.record(pipe, made, folder=tmp_path)
    path.write_bytes(whole.replace(b'\\"schema\\": 2', b'\\"schema\\": 9'))
    with pytest.raises(ProfileError, match=f"{path} is of another version"):
        ft.record(pipe, made, folder=tmp_path)


def test_a_write_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        ft.record(tiny(), calls(1), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_generator_of_calls_is_read_once() -> None:
    pipe, made = tiny(), calls(2)
    assert_same(ft.record(pipe, (call for call in made)), ft.record(pipe, made))


def test_calls_of_different_lengths_have_no_common_steps() -> None:
    found = ft.record(tiny(), [*calls(1), *calls(2, steps=5)[1:]])
    assert found.subset([1]).steps == 5
    with pytest.raises(InvalidSetting, match=r"got 5, 8 steps; expected one number"):
        found.gram()


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ([{"class_labels": [0]}], "call 0 has neither generator= nor latents="),
        ([*calls(1), {"class_labels": [0], "generator": None}], "call 1 has neither"),
        ([*calls(1), "a cat"], "call 1 is a str; expected a dict"),
        (calls(1)[0], "calls got dict; expected an iterable"),
        (3, "calls got int; expected an iterable"),
        ([], "calls got 0; expected at least 1"),
    ],
)
def test_calls_that_cannot_be_made_again_are_refused(bad: Any, told: str) -> None:
    pipe = tiny()
    with counted(pipe) as seen, pytest.raises(InvalidSetting, match=told):
        ft.record(pipe, bad)
    assert seen == []


def test_what_cannot_be_recorded_is_refused() -> None:
    pipe = tiny()
    with pytest.raises(InvalidSetting, match="keep got 'everything'; expected one of 'gram', 'means'"):
        ft.record(pipe, calls(1), keep="everything")
    with pytest.raises(UnsupportedTarget, match="DiTTransformer2DModel; expected a diffusers pipeline"):
        ft.record(pipe.transformer, calls(1))


def test_a_call_is_known_by_all_that_it_is_made_with() -> None:
    (call,) = calls(1, "flux")
    same = {**dict(reversed(call.items())), "generator": call["generator"].clone_state()}
    assert digest(same) == digest(call) == digest(fresh(call))
    picture = torch.rand(2, 4, 4, 3, generator=torch.Generator().manual_seed(0)).numpy()
    others = [
        {**call, "height": 64},
        {**call, "generator": torch.Generator().manual_seed(9)},
        {**call, "prompt_embeds": call["prompt_embeds"] + 1},
        {**call, "generator": [call["generator"]]},
        {k: v for k, v in call.items() if k != "height"},
        *({**call, "image": image} for image in (picture[0], picture[1], list(picture))),
        *({**call, "image": pil(image)} for image in picture),
    ]
    assert len({digest(one) for one in (call, *others)}) == len(others) + 1


def pil(image: Any) -> Any:
    from PIL import Image

    return Image.fromarray((255 * image).astype("uint8"))
