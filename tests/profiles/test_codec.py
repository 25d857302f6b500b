"""Methods as plain data: there and back, and what is refused on either way."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import ProfileError
from foretrace.granularity import Granularity
from foretrace.profile.codec import decode_method, encode, encode_method, known_parts

GRANULARITIES = [
    ft.PerModel("residual"),
    ft.PerStack(1, 2, "residual"),
    ft.PerBlock(),
    ft.PerModule("attn1", "proj_*"),
]
DTYPES = [None, torch.bfloat16, torch.float64, torch.float8_e4m3fn]


def again(method: ft.Method) -> ft.Method:
    return decode_method(json.loads(json.dumps(encode_method(method))))


@pytest.mark.parametrize("name", ft.available_methods())
@pytest.mark.parametrize("granularity", GRANULARITIES, ids=str)
def test_every_recipe_comes_back(name: str, granularity: ft.Granularity) -> None:
    own = ft.load_method(name)
    if own.verifier is not None and not isinstance(granularity, (ft.PerBlock, ft.PerModule)):
        granularity = own.granularity  # a verifier needs sites inside
    method = ft.load_method(name, granularity=granularity, on_nonfinite="stop")
    assert again(method) == method
    if method.gate is not None:
        limited = ft.load_method(name, granularity=granularity, longest_run=3)
        assert again(limited) == limited


shares = st.floats(0, 1)
leaves = st.one_of(
    st.builds(ft.Lagrange, st.integers(0, 5)),
    st.builds(ft.Taylor, st.integers(0, 3)),
    st.builds(ft.AdamsBashforth, st.integers(1, 3)),
    st.just(ft.Reuse()),
    st.just(ft.FlatBackward()),
)
linear = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(ft.Damped, inner, st.floats(0, 2), shares),
        st.builds(ft.Blend, inner, inner, shares),
        st.builds(ft.Warped, inner),
        st.builds(ft.ByStep, st.tuples(inner, inner), st.lists(st.integers(0, 1), min_size=1).map(tuple)),
    ),
    max_leaves=6,
)
predictors = linear | st.one_of(
    st.builds(ft.Corrected, linear, shares),
    st.builds(ft.Bands, linear, linear, shares),
    st.builds(ft.Channels, st.tuples(linear, linear), st.just((0, 1, 1, 0))),
    st.builds(ft.ScaledLagrange, st.lists(st.tuples(shares, shares), min_size=1).map(tuple)),
    st.builds(ft.SoftLagrange, st.integers(1, 3), st.sampled_from(["batch", "sample"]), shares),
)
schedules = st.one_of(
    st.builds(ft.Stride, st.integers(1, 9), st.sampled_from(["first", "last"])),
    st.builds(ft.Counter, st.integers(1, 9), st.integers(0, 3)),
    st.builds(ft.Growing, st.integers(1, 5), st.floats(1, 9), st.floats(0, 3)),
    st.lists(st.integers(1, 99)).map(lambda steps: ft.Mask([0, *steps])),
)


@given(schedule=schedules, predictor=predictors, granularity=st.sampled_from(GRANULARITIES),
       dtype=st.sampled_from(DTYPES))  # fmt: skip
def test_any_method_comes_back(schedule, predictor, granularity, dtype) -> None:
    method = ft.Method(schedule, predictor, granularity, dtype, name="mine")
    assert again(method) == method


def test_every_public_part_may_be_named() -> None:
    bases = (ft.Schedule, ft.Predictor, Granularity)
    public = {
        name
        for name, part in vars(ft).items()
        if isinstance(part, type) and issubclass(part, bases) and not inspect.isabstract(part)
    }
    assert len(public) > 25
    assert public <= known_parts().keys()


def data() -> dict[str, Any]:
    return encode_method(ft.Method(ft.Stride(3), ft.Damped(ft.Lagrange(2)), ft.PerModule("attn")))


@pytest.mark.parametrize(
    ("where", "put", "named"),
    [
        (("predictor", "part"), "Wizard", "Wizard"),
        (("predictor", "part"), "Method", "Method"),
        (("predictor", "part"), None, "None"),
        (("predictor", "fields"), [], "Damped"),
        (("predictor", "fields", "force"), 3, "force"),
        (("predictor", "fields", "base", "fields", "order"), -1, "Lagrange"),
        (("predictor", "fields", "base"), 7, "Damped"),
        (("schedule", "fields"), {}, "Stride"),
        (("granularity", "fields"), {}, "PerModule"),
        (("history_dtype",), {"dtype": "torch.float3"}, "part None"),
        (("history_dtype",), {"dtype": "torch.int8"}, "part None"),
        (("wisdom",), 3, "wisdom"),
        (("schedule",), 3, "schedule"),
    ],
)
def test_what_does_not_exist_is_refused_by_name(where: tuple[str, ...], put: Any, named: str) -> None:
    changed = data()
    place: Any = changed
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = put
    assert decode_method(data())
    with pytest.raises(ProfileError, match=rf"(?s){named}.*[Mm]ake (it|the profile) again"):
        decode_method(changed)


def test_a_missing_part_is_refused() -> None:
    with pytest.raises(ProfileError, match="predictor"):
        decode_method({k: v for k, v in data().items() if k != "predictor"})


@dataclass(frozen=True)
class Mine(ft.Lagrange):
    """One's own predictor, which another machine does not have."""


Namesake = dataclass(frozen=True)(type("Lagrange", (ft.Lagrange,), {}))


@pytest.mark.parametrize(
    "make", [lambda: Mine(2), lambda: ft.Damped(Mine(1)), lambda: Namesake(2)], ids=["own", "inside", "name"]
)
def test_what_could_not_be_read_again_is_not_written(make: Callable[[], ft.Predictor]) -> None:
    method = replace(ft.load_method("fora"), predictor=make())
    with pytest.raises(ProfileError, match="cannot hold"):
        encode_method(method)
    with pytest.raises(ProfileError, match="cannot hold"):
        encode({1, 2})
