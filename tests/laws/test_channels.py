"""Predictors of groups of channels."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import InvalidSetting
from foretrace.history import Step
from laws.test_partition import features
from laws.test_predictors import forecast, grids

PARTS = (ft.Reuse(), ft.Lagrange(2), ft.Taylor(1), ft.Chebyshev(2, keep=4))
shapes = st.sampled_from([(2, 5, 6), (2, 6), (6,), (2, 3, 4, 6)])
groupings = st.lists(st.integers(0, 3), min_size=6, max_size=6).map(tuple)


@given(data=st.data(), shape=shapes, seed=st.integers(0, 99), groups=groupings)
def test_each_group_is_forecast_by_its_own(data: st.DataObject, shape, seed: int, groups) -> None:
    indices, target = data.draw(grids(5))
    values = features(5, shape, seed)
    got = forecast(ft.Channels(PARTS, groups), indices, target, values)
    own = [forecast(part, indices, target, values) for part in PARTS]
    for channel, group in enumerate(groups):
        torch.testing.assert_close(got[..., channel], own[group][..., channel], rtol=1e-12, atol=1e-10)


@given(data=st.data(), shape=shapes, seed=st.integers(0, 99), groups=groupings)
@pytest.mark.parametrize("part", PARTS, ids=str)
def test_one_predictor_for_all_groups_is_that_predictor(part, data, shape, seed: int, groups) -> None:
    """To the last bit, in fp32 as well."""
    indices, target = data.draw(grids(5))
    values = [x.float() for x in features(5, shape, seed)]
    got = forecast(ft.Channels((part,) * 4, groups), indices, target, values)
    assert torch.equal(got, forecast(part, indices, target, values))


@given(data=st.data(), count=st.integers(1, 3), seed=st.integers(0, 99))
def test_few_points_are_each_groups_few_points(data: st.DataObject, count: int, seed: int) -> None:
    indices, target = data.draw(grids(count))
    values = features(count, (2, 4, 6), seed)
    groups = (0, 1, 2, 3, 1, 0)
    got = forecast(ft.Channels(PARTS, groups), indices, target, values)
    for channel, group in enumerate(groups):
        own = forecast(PARTS[group], indices, target, values)[..., channel]
        torch.testing.assert_close(got[..., channel], own, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_storage_rounding_is_bounded_by_the_largest_gain(dtype: torch.dtype) -> None:
    parts = (ft.Lagrange(3), ft.Lagrange(1))
    channels = ft.Channels(parts, (0, 1, 0, 1))
    indices, values = [0, 3, 5, 9], [x.float() for x in features(4, (2, 8, 4), 0)]
    state = channels.init(dtype)
    for index, value in zip(indices, values, strict=True):
        state = channels.commit(state, Step(index), (value,))
    stored = channels.predict(state, Step(11))[0]
    assert stored.dtype == torch.float32
    exact = forecast(channels, indices, 11, [v.double() for v in values])
    times = [float(i) for i in reversed(indices)]
    gain = max(part.gain(times[: part.points], 11.0) for part in parts)
    largest = max(float(v.abs().max()) for v in values)
    assert float((stored - exact).abs().max()) <= gain * largest * torch.finfo(dtype).eps


def test_a_forecast_never_shares_memory_with_a_point() -> None:
    channels = ft.Channels((ft.Reuse(), ft.Lagrange(1)), (0, 1))
    state = channels.commit(channels.init(), Step(0), (torch.ones(2, 2),))
    channels.predict(state, Step(1))[0].zero_()
    assert torch.equal(channels.predict(state, Step(1))[0], torch.ones(2, 2))


def test_only_predictors_with_a_channel_count_for_the_degree() -> None:
    assert ft.Channels(PARTS, (1, 1, 2)).exact == 1
    assert ft.Channels([ft.Reuse(), ft.Lagrange(2)], [1, 1]) == ft.Channels(
        (ft.Reuse(), ft.Lagrange(2)), (1, 1)
    )
    assert ft.Channels(PARTS, (0, 1)).counts_steps == PARTS[3].counts_steps


@pytest.mark.parametrize(
    "make",
    [
        lambda: ft.Channels((), (0,)),
        lambda: ft.Channels((ft.Reuse(),), ()),
        lambda: ft.Channels(ft.Reuse(), (0,)),
        lambda: ft.Channels((3,), (0,)),
        lambda: ft.Channels((ft.Reuse(),), (0, 1)),
        lambda: ft.Channels((ft.Reuse(),), (-1,)),
        lambda: ft.Channels((ft.Reuse(),), (0.0,)),
        lambda: ft.Channels((ft.Reuse(),), (0, 0)).commit(
            ft.Channels((ft.Reuse(),), (0, 0)).init(), Step(0), (torch.ones(2, 3),)
        ),
    ],
)
def test_bad_settings_are_refused(make) -> None:
    with pytest.raises(InvalidSetting, match=r"got .*; expected .*\. Pass"):
        make()
