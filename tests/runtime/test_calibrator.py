"""Calibrators in a run: corrections reach skipped steps, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import foretrace as ft
from foretrace.calibrator.affine import AffineMap
from foretrace.calibrator.procrustes import fit
from foretrace.calibrator.tcc import Place
from foretrace.errors import InvalidSetting
from foretrace.history import SiteKey, Step
from foretrace.offline.collect import TokenMeans, observing
from runtime.test_laws import snapshot
from tiny import FAMILIES, Family, sample

STEPS = 8
MASK = ft.Mask([0, 3, 6])
SKIPPED = [1, 2, 4, 5, 7]
GRANULARITIES = [
    ft.PerModel(),
    ft.PerStack(head=1, store="residual"),
    ft.PerModule("attn"),
]


@pytest.fixture(scope="module", params=["dit", "flux"])
def family(request: pytest.FixtureRequest) -> Family:
    return FAMILIES[request.param]


@pytest.fixture(scope="module")
def model(family: Family) -> nn.Module:
    return family.model()


@pytest.fixture(params=GRANULARITIES, ids=str)
def method(request: pytest.FixtureRequest) -> ft.Method:
    return ft.Method(MASK, ft.Reuse(), request.param)


def places(
    family: Family, model: nn.Module, method: ft.Method, kind: str = "forecast"
) -> Iterator[tuple[Place, int]]:
    """Every place of a run with two branches, and its channels."""
    observer = TokenMeans()
    with observing(model, method, observer):
        sample(family, model, STEPS, branches=2)
    for (step, site), streams in getattr(observer, f"of_{kind}").items():
        for stream, means in enumerate(streams):
            yield Place(step, site, stream), means.rows.shape[1]


def shift(size: float | Tensor, channels: int) -> AffineMap:
    return AffineMap(torch.tensor(1.0), torch.zeros(channels) + size)


def run(family: Family, model: nn.Module, method: ft.Method) -> Tensor:
    with ft.accelerate(model, method):
        return sample(family, model, STEPS, branches=2)


@torch.no_grad()
def outputs(family: Family, model: nn.Module, method: ft.Method, branches: int = 1) -> list[Tensor]:
    """Of every call, with latents that do not depend on them; branches alternate."""
    generator = torch.Generator().manual_seed(3)
    fed = [family.inputs(2, generator) for _ in range(branches)]
    found = []
    with ft.accelerate(model, method):
        for i in range(STEPS):
            time = torch.tensor([900.0 - 100.0 * i] * 2) * family.unit
            for latent, conditions in fed:
                found.append(
                    model(
                        hidden_states=latent * (1 - i / 20), timestep=time, return_dict=False, **conditions
                    )[0]
                )
    return found


def test_no_maps_and_strength_zero_change_nothing(family, model, method) -> None:
    plain = run(family, model, method)
    assert torch.equal(run(family, model, replace(method, calibrator=ft.TCC())), plain)
    zero, half = {}, {}
    for place, channels in places(family, model, method):
        rows = torch.randn(2, channels + 3, channels, generator=torch.Generator().manual_seed(0))
        prior = fit(rows[0], rows[1])
        zero[place], half[place] = prior.fold(0.0), prior.fold(0.5)
    assert torch.equal(run(family, model, replace(method, calibrator=ft.TCC(zero))), plain)
    assert not torch.allclose(run(family, model, replace(method, calibrator=ft.TCC(half))), plain)


def test_computed_steps_are_never_corrected(family, model, method) -> None:
    maps = {place: shift(1.0, channels) for place, channels in places(family, model, method, "computed")}
    assert {place.step for place in maps} == {0, 3, 6}
    calibrated = replace(method, calibrator=ft.TCC(maps, write_back=True))
    assert torch.equal(run(family, model, calibrated), run(family, model, method))


def test_every_skipped_place_is_looked_up(family, model, method) -> None:
    found = dict(places(family, model, method))
    assert sorted({place.step for place in found}) == SKIPPED
    assert {place.site.branch for place in found} == {0, 1}
    plain = run(family, model, method)
    steps = {place.step: place for place in found}  # the last site of each step
    for place in (steps[2], steps[7]):
        calibrated = replace(method, calibrator=ft.TCC({place: shift(0.5, found[place])}))
        assert not torch.equal(run(family, model, calibrated), plain), place


def test_a_second_run_equals_the_first_and_detaching_restores(family, model, method) -> None:
    before, reference = snapshot(model), sample(family, model, STEPS, branches=2)
    maps = {place: shift(0.1, channels) for place, channels in places(family, model, method)}
    with ft.accelerate(model, replace(method, calibrator=ft.TCC(maps, write_back=True))):
        first = sample(family, model, STEPS, branches=2)
        assert torch.equal(sample(family, model, STEPS, branches=2), first)
    assert not torch.equal(first, reference)
    assert snapshot(model) == before
    assert torch.equal(sample(family, model, STEPS, branches=2), reference)


def at_the_output(family: Family, model: nn.Module, size: Tensor, **how: Any) -> ft.Method:
    """Reuse of the denoiser's output, with a shift at step 4 alone."""
    maps = {Place(4, SiteKey("denoiser", how.pop("branch", 0), 0), 0): AffineMap(torch.tensor(1.0), size)}
    return ft.Method(MASK, ft.Reuse(), ft.PerModel(), calibrator=ft.TCC(maps, **how))


def moved(family: Family, model: nn.Module, method: ft.Method, branches: int = 1) -> list[Tensor]:
    """What the calibrator adds to the output of every call: rows (tokens, channels), or zeros."""
    plain = outputs(family, model, replace(method, calibrator=None), branches)
    corrected = outputs(family, model, method, branches)
    found = [a.double() - b.double() for a, b in zip(corrected, plain, strict=True)]
    return [x if x.ndim == 3 else x.flatten(2).transpose(1, 2) for x in found]


@pytest.mark.parametrize("write_back", [False, True])
def test_a_shift_changes_that_step_by_its_size(family, model, write_back: bool) -> None:
    """With write-back the steps that reuse the corrected feature too, until one is computed."""
    size = torch.randn(4, generator=torch.Generator().manual_seed(1))
    found = moved(family, model, at_the_output(family, model, size, write_back=write_back))
    for step, x in enumerate(found):
        if step == 4 or (write_back and step == 5):
            torch.testing.assert_close(x, size.double().expand_as(x), rtol=0, atol=1e-5)
        else:
            assert not x.any(), step


def test_a_line_starts_from_the_corrected_point_only_with_write_back(family, model) -> None:
    """Computed at 0 and 3, corrected at 4: a line through 3 and 4 moves by twice the shift at 5."""
    size = torch.full((4,), 0.5)
    bare = replace(at_the_output(family, model, size), predictor=ft.Lagrange(1))
    back = replace(at_the_output(family, model, size, write_back=True), predictor=ft.Lagrange(1))
    untouched, written = (moved(family, model, method)[5] for method in (bare, back))
    assert not untouched.any()
    torch.testing.assert_close(written, torch.ones_like(written), rtol=0, atol=1e-4)


@pytest.mark.parametrize("branch", [0, 1])
def test_branches_do_not_mix(family, model, branch: int) -> None:
    method = at_the_output(family, model, torch.ones(4), branch=branch, write_back=True)
    found = moved(family, model, method, branches=2)
    changed = [i for i, x in enumerate(found) if x.any()]
    assert changed == [2 * 4 + branch, 2 * 5 + branch]


def test_only_the_stream_of_a_place_is_corrected() -> None:
    site, step = SiteKey("denoiser", 0, 0), Step(2)
    streams = tuple(torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(i)) for i in range(2))
    before = [x.clone() for x in streams]
    tcc = ft.TCC({Place(2, site, 1): shift(1.0, 4)})
    first, second = tcc.correct(streams, site, step)
    assert first is streams[0]
    assert torch.equal(second, before[1] + 1)
    assert all(torch.equal(a, b) for a, b in zip(streams, before, strict=True)), "changed in place"
    for other, at in ((site, Step(3)), (SiteKey("denoiser", 1, 0), step), (SiteKey("other", 0, 0), step)):
        assert tcc.correct(streams, other, at) is streams


def test_maps_add_up_in_steps_and_bytes() -> None:
    one = ft.TCC({Place(2, SiteKey("a", 0, 0), 0): shift(1.0, 4)}, write_back=True)
    both = one.with_maps({Place(1, SiteKey("a", 0, 0), 0): shift(1.0, 8)})
    assert (one.steps, both.steps) == ((2,), (1, 2))
    assert both.write_back
    assert (one.nbytes, both.nbytes) == (4 * 5, 4 * 5 + 4 * 9)


def test_what_is_no_calibrator_is_refused() -> None:
    with pytest.raises(InvalidSetting, match=r"calibrator got .*expected a Calibrator"):
        ft.Method(MASK, ft.Reuse(), calibrator=object())  # type: ignore[arg-type]
