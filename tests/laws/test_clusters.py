"""HyCa's offline step: which channels move alike, and which solver each kind gets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import InvalidSetting
from foretrace.offline.clusters import ChannelSolvers, descriptors, fit_channels, solver_errors
from foretrace.offline.kmeans import kmeans
from foretrace.predictor.pool import SOLVERS
from laws.test_predictors import forecast


def recording(steps: int = 12, seed: int = 0) -> list[torch.Tensor]:
    """Eight channels of a (2, 5, 8) feature: even ones drift, odd ones swing fast."""
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, 2, 5, 8, generator=generator, dtype=torch.float64)
    odd = (torch.arange(8) % 2).bool()
    return [torch.where(odd, torch.cos(2.6 * i + a) + b, torch.sin(0.1 * i + a) + b) for i in range(steps)]


TIMES = [float(i) for i in range(12)]
ODD = (0, 1, 0, 1, 0, 1, 0, 1)


@given(seed=st.integers(0, 99))
def test_channels_that_move_alike_come_together(seed: int) -> None:
    found = fit_channels(recording(seed=seed), TIMES)
    assert found.groups == ODD, "and the slower ones are group 0"


@given(scale=st.floats(1e-2, 1e2), shift=st.floats(-100, 100))
def test_groups_depend_neither_on_the_unit_nor_on_the_origin_of_time(scale: float, shift: float) -> None:
    own = descriptors(recording(), TIMES)
    for times in ([scale * t + shift for t in TIMES], [-t for t in TIMES]):
        assert descriptors(recording(), times) == pytest.approx(own, rel=1e-5, abs=1e-5)


def test_descriptors_are_standardised_and_those_that_say_nothing_are_zero() -> None:
    rows = descriptors(recording(), TIMES)
    assert rows.shape == (8, 6)
    assert rows.mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-9)
    assert rows.std(axis=0) == pytest.approx(np.ones(6))
    still = [torch.ones(2, 4)] * 6
    assert descriptors(still, TIMES[:6]) == pytest.approx(np.zeros((4, 6)))
    assert set(fit_channels(still, TIMES[:6]).groups) <= {0, 1}


@pytest.mark.parametrize("computed", [None, (0, 1, 2, 5, 8)])
def test_each_group_gets_the_solver_of_least_error(computed) -> None:
    features = recording()
    found = fit_channels(features, TIMES, computed=computed)
    errors = solver_errors(features, TIMES, computed)
    for group, name in enumerate(found.solvers):
        members = [c for c, own in enumerate(found.groups) if own == group]
        means = dict(zip(SOLVERS, errors[:, members].mean(axis=1), strict=True))
        assert means[name] == min(means.values())
    assert found.solvers[0] in ("tf", "rk2", "ab2", "am"), "a drift is not flat"


def test_errors_on_a_schedule_are_those_of_its_forecasts() -> None:
    features, table = recording(), [0, 1, 2, 5, 8]
    errors = solver_errors(features, TIMES, table)
    for row, predictor in enumerate(SOLVERS.values()):
        total = torch.zeros(8, dtype=torch.float64)
        for t in (3, 4, 6, 7, 9, 10, 11):
            known = [i for i in table if i < t]
            got = forecast(predictor, known, t, [features[i] for i in known])
            total += (got - features[t]).square().mean(dim=(0, 1))
        assert errors[row] == pytest.approx(total.numpy(), rel=1e-9, abs=1e-12)


def test_what_is_found_are_settings_of_the_recipe() -> None:
    found = fit_channels(recording(), TIMES)
    method = ft.load_method("hyca", groups=found.groups, solvers=found.solvers)
    assert method.predictor == found.predictor()
    assert isinstance(method.predictor, ft.Channels)
    assert ft.load_method("hyca").predictor == SOLVERS["tf"]
    assert ft.load_method("hyca", solvers="ab2").predictor == SOLVERS["ab2"]
    assert ChannelSolvers((0, 1), ("tf", "am")).predictor().points == 3


@given(seed=st.integers(0, 99), count=st.integers(1, 5))
def test_kmeans_ends_where_every_row_is_with_its_nearest_centre(seed: int, count: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(40, 3))
    labels = np.array(kmeans(rows, count))
    used = sorted(set(labels.tolist()))
    assert used == list(range(len(used)))
    assert kmeans(rows, count) == tuple(labels)
    centres = np.stack([rows[labels == own].mean(axis=0) for own in used])
    assert (((rows[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1) == labels).all()
    assert list(centres[:, 0]) == sorted(centres[:, 0])


def test_kmeans_finds_blobs_in_spite_of_an_outlier() -> None:
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 0.1, (30, 2)), rng.normal(5, 0.1, (30, 2)), [[5.0, 8.0]]])
    assert kmeans(rows, 2) == (0,) * 30 + (1,) * 31
    assert kmeans(np.ones((5, 2)), 3) == (0,) * 5


@pytest.mark.parametrize(
    "make",
    [
        lambda: fit_channels(recording()[:3], TIMES[:3]),
        lambda: fit_channels(recording(), TIMES[:5]),
        lambda: fit_channels(recording(), [0.0] * 12),
        lambda: fit_channels([*recording()[:5], torch.ones(3, 8)], TIMES[:6]),
        lambda: fit_channels(recording(), TIMES, clusters=0),
        lambda: fit_channels(recording(), TIMES, computed=(0, 1)),
        lambda: fit_channels(recording(), TIMES, computed=(0, 1, 2, 30)),
        lambda: kmeans(np.full((4, 2), np.nan), 2),
        lambda: ft.load_method("hyca", solvers=("tf", "rk4"), groups=(0, 1)),
        lambda: ft.load_method("hyca", solvers=("tf", "am")),
        lambda: ft.load_method("hyca", solvers=("tf",), groups=(0, 1)),
    ],
)
def test_bad_settings_are_refused(make) -> None:
    with pytest.raises(InvalidSetting, match=r"got .*; expected .*\. Pass"):
        make()
