"""TCC's two lines: every prior is fitted on the line that the earlier ones correct."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import foretrace as ft
from foretrace.calibrator.affine import channels_last
from foretrace.history import Feature, SiteKey, Step
from foretrace.offline.collect import Means, never_skip, observing
from foretrace.offline.lines import Fit, Full, fit_line, full_line
from foretrace.offline.progress import silent
from foretrace.offline.sampling import sample
from offline.common import STEPS, calls, counted, tiny

MASK = ft.Mask([0, 3, 6])
TARGETS = [1, 2, 5]
SHIFT = Fit("shift", "token", alpha=1.0)


class Setup:
    """Tiny runs, their full line, and priors of two of them."""

    def __init__(self, granularity: ft.PerModel | ft.PerStack, write_back: bool = False) -> None:
        self.pipe, self.calls = tiny(), calls(2, batch=3)
        self.method = ft.Method(MASK, ft.Reuse(), granularity)
        self.write_back, self.done = write_back, 0
        steps = frozenset(TARGETS)
        self.full: Full = full_line(self.pipe, never_skip(granularity), self.calls, steps, self.tell)

    def tell(self, done: int) -> None:
        self.done += done

    def fit(self, fit: Fit = SHIFT, one_shot: bool = False, targets: list[int] = TARGETS) -> ft.TCC:
        return fit_line(
            self.pipe, self.method, self.calls, targets, self.full, fit, self.write_back, one_shot, self.tell
        )


@pytest.fixture(params=[ft.PerModel(), ft.PerStack(store="residual")], ids=str)
def setup(request: pytest.FixtureRequest) -> Setup:
    return Setup(request.param)


def test_priors_are_at_the_targets_and_nowhere_else(setup: Setup) -> None:
    found = setup.fit()
    assert found.steps == tuple(TARGETS)
    assert {(place.site, place.stream) for place in found.maps} == {(SiteKey("transformer", 0, 0), 0)}
    assert setup.done == 2 + 2 * len(TARGETS), "a run of every call for the full line and for each target"


@pytest.mark.parametrize("write_back", [False, True])
def test_targets_are_as_in_one_shot_until_a_correction_is_felt(setup: Setup, write_back: bool) -> None:
    """With write-back at the next skipped step, without it once a step was computed from what it gave."""
    setup.write_back = write_back
    consistent, one_shot = setup.fit(), setup.fit(one_shot=True)
    assert consistent.maps.keys() == one_shot.maps.keys()
    same = [
        place.step
        for place, one in consistent.maps.items()
        if torch.equal(one.bias, one_shot.maps[place].bias)
    ]
    assert same == ([1] if write_back else [1, 2])


def test_one_target_at_a_time_is_the_same_as_all(setup: Setup) -> None:
    found, first = setup.fit(), setup.fit(targets=TARGETS[:1])
    for place, one in first.maps.items():
        assert torch.equal(one.bias, found.maps[place].bias)


class Corrected:
    """The token means of every corrected forecast."""

    def __init__(self, calibrator: ft.TCC) -> None:
        self.calibrator = calibrator
        self.means: dict[tuple[int, SiteKey], list[Tensor]] = {}

    def computed(self, site: SiteKey, step: Step, feature: Feature) -> None:
        """Nothing."""

    def forecast(self, site: SiteKey, step: Step, feature: Feature) -> None:
        corrected = self.calibrator.correct(feature, site, step)
        self.means[step.index, site] = [channels_last(x).flatten(1, -2).mean(dim=1) for x in corrected]


@pytest.mark.parametrize("write_back", [False, True])
def test_with_all_priors_the_line_has_the_means_of_the_full_one(setup: Setup, write_back: bool) -> None:
    """What trajectory-consistent says: also at later targets, on the line as it is corrected by then."""
    setup.write_back = write_back
    found = setup.fit()
    missed = {True: 0.0, False: 0.0}
    for calibrator in (found, setup.fit(one_shot=True)):
        seen: dict[Any, list[Tensor]] = {}
        for call in setup.calls:
            observer = Corrected(calibrator)
            with observing(setup.pipe, replace(setup.method, calibrator=calibrator), observer):
                sample(setup.pipe, call)
            for key, streams in observer.means.items():
                seen.setdefault(key, []).append(streams[0])
        for key, (full,) in setup.full.items():
            missed[calibrator is found] += float(
                (torch.cat(seen[key]).double().mean(dim=0) - full.rows.mean(dim=0)).norm()
            )
    assert missed[True] < 1e-4
    assert missed[False] > 100 * missed[True]


def test_runs_end_right_after_their_target(setup: Setup) -> None:
    with counted(setup.pipe) as seen:
        setup.fit(targets=[1])
    calls_to_the_next_step = 3 if isinstance(setup.method.granularity, ft.PerStack) else 1
    assert len(seen) <= calls_to_the_next_step * len(setup.calls) < STEPS


@pytest.mark.parametrize("variant", ["full", "scale_shift", "shift"])
def test_pools_are_rows_of_samples_or_positions(variant: Any) -> None:
    """A token prior takes the mean over samples to the full one, a class prior every position's."""
    generator = torch.Generator().manual_seed(0)
    full, cached = torch.randn(2, 6, 5, 4, generator=generator, dtype=torch.float64)
    means = Means.of(full), Means.of(cached)
    token, grouped, mixed = (Fit(variant, pool, alpha=1.0)(*means) for pool in ("token", "class", "mixed"))
    overall = token.apply(cached.float()).double().mean(dim=(0, 1))
    torch.testing.assert_close(overall, full.mean(dim=(0, 1)), rtol=0, atol=1e-5)
    by_position = grouped.apply(cached.float()).double().mean(dim=0)
    torch.testing.assert_close(by_position, full.mean(dim=0), rtol=0, atol=1e-5)
    assert not torch.allclose(token.apply(cached.float()).double().mean(dim=0), full.mean(dim=0), atol=1e-3)
    between = (token.apply(cached.float()) + grouped.apply(cached.float())) / 2
    torch.testing.assert_close(mixed.apply(cached.float()), between, rtol=0, atol=1e-5)


def test_means_of_parts_are_means_of_the_whole() -> None:
    x = torch.randn(5, 4, 3, 2, generator=torch.Generator().manual_seed(0))
    whole, parts = Means.of(x), Means.of(x[:2]) + Means.of(x[2:])
    torch.testing.assert_close(whole.rows, x.double().mean(dim=(2, 3)))
    torch.testing.assert_close(whole.positions / whole.count, x.double().mean(dim=0).flatten(1).T)
    assert torch.equal(parts.rows, whole.rows)
    torch.testing.assert_close(parts.positions, whole.positions)
    assert parts.count == whole.count == 5


def test_silence_takes_any_number() -> None:
    with silent("word", 3) as advance:
        assert advance(7) is None
