"""What a profile was made for: every difference is named, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DiTTransformer2DModel
from torch import nn

import foretrace as ft
from foretrace.errors import InvalidSetting, ProfileMismatch
from foretrace.profile.fingerprint import (
    fingerprint_of_models,
    fingerprint_of_sampler,
    mismatches,
    weights_digest,
)
from foretrace.profile.profile import FIELDS
from tiny import FAMILIES

RUN = {"steps": 8, "guidance": 1.5, "resolution": [4, 8, 8]}


class Other(DiTTransformer2DModel):
    """The same under another name."""


def model() -> nn.Module:
    return FAMILIES["dit"].model()


def found(denoiser: nn.Module | None = None, scheduler: Any = None, **run: Any) -> dict[str, Any]:
    models = fingerprint_of_models({"transformer": denoiser or model()})
    return models | fingerprint_of_sampler(scheduler or DDIMScheduler()) | RUN | run


def profile() -> ft.Profile:
    return ft.Profile(ft.load_method("fora"), found())


def renamed() -> nn.Module:
    other = model()
    other.__class__ = Other
    return other


def reconfigured() -> nn.Module:
    other = model()
    other.register_to_config(activation_fn="silu")
    return other


def nudged() -> nn.Module:
    other = model()
    with torch.no_grad():
        other.proj_out_2.bias[0] += 1e-3
    return other


class Shifted(DDIMScheduler):
    """The same settings under another name."""


CHANGES: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "model": ("model.transformer", lambda: found(renamed())),
    "config": ("config.transformer", lambda: found(reconfigured())),
    "weights": ("weights.transformer", lambda: found(nudged())),
    "dtype": ("dtype.transformer", lambda: found(model().double())),
    "sampler": ("sampler", lambda: found(scheduler=Shifted())),
    "settings": ("settings.beta_end", lambda: found(scheduler=DDIMScheduler(beta_end=0.03))),
    "steps": ("steps", lambda: found(steps=9)),
    "guidance": ("guidance", lambda: found(guidance=2.0)),
    "resolution": ("resolution", lambda: found(resolution=[4, 8, 4])),
}


def test_there_is_a_change_of_every_field() -> None:
    assert set(CHANGES) == set(FIELDS) == set(found())


def test_the_same_again_fits() -> None:
    profile().check(found())
    assert mismatches(found(), found()) == {}


@pytest.mark.parametrize("name", FIELDS)
def test_a_difference_is_named_and_may_be_allowed(name: str) -> None:
    full, change = CHANGES[name]
    made, other = profile(), change()
    assert list(mismatches(made.made_for, other)) == [full]
    with pytest.raises(ProfileMismatch) as refused:
        made.check(other)
    message = str(refused.value)
    told = message.partition("something else: ")[2].partition("; expected")[0]
    assert re.match(rf"{re.escape(full)} is .*, not .*", told, re.DOTALL)
    assert f"allowing({name!r})" in message
    made.allowing(name).check(other)
    with pytest.raises(ProfileMismatch):
        made.allowing(*(field for field in FIELDS if field != name)).check(other)


def test_all_differences_are_named_and_only_the_allowed_ones_pass() -> None:
    other = found(nudged(), DDIMScheduler(beta_end=0.03), steps=9)
    names = ["settings.beta_end", "steps", "weights.transformer"]
    assert list(mismatches(profile().made_for, other)) == names
    with pytest.raises(
        ProfileMismatch, match=r"settings\.beta_end.*; steps.*allowing\('settings', 'steps'\)"
    ):
        profile().allowing("weights").check(other)
    profile().allowing("weights").allowing("settings", "steps").check(other)


def test_an_unknown_field_cannot_be_allowed() -> None:
    with pytest.raises(InvalidSetting, match="no field wisdom, scheduler; expected some of model, config"):
        profile().allowing("wisdom", "steps", "scheduler")


def test_what_cannot_be_seen_is_not_compared() -> None:
    made = profile()
    made.check(
        {name: value for name, value in found(nudged(), steps=9).items() if name in ("model", "dtype")}
    )
    made.check_run(None, None, None)
    with pytest.raises(ProfileMismatch, match="guidance"):
        made.check_run(8, 3.0, None)


def test_weights_out_of_reach_agree_with_any() -> None:
    away = model().to("meta")
    assert weights_digest(away) == "unread"
    profile().check(found(away))
    ft.Profile(ft.load_method("fora"), found(away)).check(found())


@pytest.mark.parametrize("part", [slice(0, 4), slice(-4, None)], ids=["head", "tail"])
def test_every_parameter_counts_from_end_to_end(part: slice) -> None:
    """A quarter of any parameter, at either end, moves the digest; so do names and shapes."""
    own = model()
    plain = weights_digest(own)
    assert weights_digest(model()) == plain
    for name, parameter in own.named_parameters():
        flat = parameter.view(-1)
        width = max(1, len(flat) // 4)
        changed = flat[:width] if part.start == 0 else flat[-width:]
        with torch.no_grad():
            kept = changed.clone()
            changed += 1.0
            assert weights_digest(own) != plain, name
            changed.copy_(kept)
    assert weights_digest(own) == plain
    shapes = [nn.Linear(4, 2, bias=False), nn.Linear(2, 4, bias=False)]
    for one in shapes:
        nn.init.ones_(one.weight)
    assert weights_digest(shapes[0]) != weights_digest(shapes[1])


def test_wrappers_of_torch_compile_do_not_count() -> None:
    own = model()
    wrapped = nn.Module()
    wrapped._orig_mod = own
    assert fingerprint_of_models({"a": wrapped}) == fingerprint_of_models({"a": own})
