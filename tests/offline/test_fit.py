"""`fit`: gates filled from uncached runs, checked on others, and as good after a file as before."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import foretrace as ft
from foretrace.errors import InvalidSetting, NoGain, ProfileMismatch
from foretrace.gate.teacache import TeaCache
from foretrace.offline.explained import explained, spearman
from foretrace.offline.fit_errors import amplified
from foretrace.offline.fit_magcache import tabled
from foretrace.offline.fit_sencache import Sensitivities
from foretrace.offline.fit_teacache import polynomial
from foretrace.offline.sampling import relative_error, sample
from offline.common import STEPS, calls, counted, tiny

MADE = calls(3)
FITTED = ("teacache", "magcache", "sencache", "error_estimate")


@pytest.fixture(scope="module", params=FITTED)
def fitted(request: pytest.FixtureRequest) -> ft.Profile:
    return ft.fit(tiny(), request.param, MADE, probes=3, force=True)


def test_a_profile_keeps_its_gate_and_works(fitted: ft.Profile, tmp_path: Path) -> None:
    path = fitted.save(tmp_path / "fitted.safetensors")
    again = ft.Profile.load(path)
    assert again.method == fitted.method
    assert again.measured == fitted.measured
    pipe = tiny()
    with ft.accelerate(pipe, profile=path) as run:
        found = sample(pipe, MADE[-1])
    assert len(run.report.computed) + len(run.report.skipped) == STEPS
    with ft.accelerate(pipe, fitted.method):
        assert torch.equal(sample(pipe, MADE[-1]), found)
    other = pytest.raises(
        (ProfileMismatch, InvalidSetting), match=r"steps is 7, not 8|of 8 steps and got a run of 7"
    )
    with ft.accelerate(pipe, profile=path), other:
        sample(pipe, MADE[0] | {"num_inference_steps": 7})


def test_only_the_gate_is_changed(fitted: ft.Profile) -> None:
    bare = ft.load_method(fitted.method.name)
    assert replace(fitted.method, gate=bare.gate) == bare
    assert fitted.method.gate != bare.gate
    assert fitted.measured["calls"] == [2, 1]
    assert fitted.made_for["steps"] == STEPS


@pytest.mark.parametrize("name", ["wan", "wan-experts", "flux"])
@pytest.mark.parametrize("method", FITTED)
def test_every_pipeline_can_be_fitted(name: str, method: str) -> None:
    """Also where cond and uncond are calls of their own, or two denoisers share a run."""
    pipe, made = tiny(name), calls(2, name, batch=1)
    found = ft.fit(pipe, method, made, probes=2, force=True)
    if method == "magcache":
        assert [len(t) for t in found.method.gate.ratios] == [STEPS] * (1 if name == "flux" else 2)
    with ft.accelerate(pipe, profile=found) as run:
        sample(pipe, made[0])
    assert run.report.computed[0] == 0


@pytest.mark.parametrize("coefficients", [(0.5,), (2.0, 0.1), (3.0, -1.0, 0.5, 0.2, 0.01)])
def test_a_planted_polynomial_is_found(coefficients: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0.02, 0.6, 200)
    found, fitted = polynomial([(a, float(np.polyval(coefficients, a))) for a in x])
    assert fitted == (x.min(), x.max())
    grid = np.linspace(*fitted, 50)
    assert np.allclose(np.polyval(found, grid), np.polyval(coefficients, grid), atol=1e-8)
    noisy, _ = polynomial([(a, float(np.polyval(coefficients, a) + rng.normal(0, 1e-3))) for a in x])
    assert np.allclose(np.polyval(noisy, grid), np.polyval(coefficients, grid), atol=2e-3)
    gate = TeaCache(1.0, found, fitted)
    assert gate.rise(9.0) == gate.rise(fitted[1])


def test_few_drifts_give_a_lower_degree_or_none() -> None:
    found, fitted = polynomial([(0.1, 1.0), (0.1, 1.0), (0.3, 2.0)])
    assert np.allclose(found, (5.0, 0.5))
    assert fitted == (0.1, 0.3)
    with pytest.raises(NoGain, match="1 different ways"):
        polynomial([(0.1, 1.0), (0.1, 2.0)])


def test_magcache_measures_what_the_stack_adds() -> None:
    """The table is the mean over tokens of the ratios of their norms, averaged over calls."""
    pipe = tiny()
    gate = ft.fit(pipe, "magcache", MADE, force=True).method.gate
    recorded = ft.record(pipe, MADE[:-1], sites=ft.PerStack(store="residual"), keep="features")
    site = recorded.sites[0]
    expected = [1.0]
    for i in range(1, STEPS):
        ratios = []
        for number in range(2):
            now, before = (recorded.features(number, j, site)[0].norm(dim=-1) for j in (i, i - 1))
            ratios.append(float((now / before).mean()))
        expected.append(sum(ratios) / 2)
    assert np.allclose(gate.ratios[0], expected, rtol=1e-5)


def test_a_table_has_a_row_a_branch_and_ones_where_nothing_is_known() -> None:
    found = [{(0, 1): [2.0], (1, 2): [3.0]}, {(0, 1): [4.0, math.nan]}]
    assert tabled(found, 3) == ((1.0, 3.0, 1.0), (1.0, 1.0, 3.0))


def test_sencache_makes_three_calls_a_step_and_leaves_the_run_as_it_is() -> None:
    pipe = tiny()
    alone = sample(pipe, MADE[0])
    with counted(pipe) as outputs:
        ft.fit(pipe, "sencache", MADE[:2], force=True)
        made = len(outputs)
    assert made == 2 * STEPS, "the others are not part of the run, and no hook sees them"
    assert torch.equal(sample(pipe, MADE[0]), alone)
    assert not Sensitivities().changes


def test_sensitivities_of_a_linear_model_are_its_own() -> None:
    """f(x, t) = 3 x + 0.5 t: J_x = 3 and J_t = 0.5 everywhere."""

    class Linear(torch.nn.Module):
        def forward(self, hidden_states: torch.Tensor, timestep: torch.Tensor) -> tuple[torch.Tensor]:
            return (3.0 * hidden_states + 0.5 * timestep.reshape(-1, 1, 1),)

    model, seen = Linear(), Sensitivities()
    generator = torch.Generator().manual_seed(0)
    for i in range(4):
        x, t = torch.randn(2, 5, 3, generator=generator), torch.full((2,), 9.0 - 2 * i)
        output = model(x, timestep=t)
        seen.called(model, (x,), {"timestep": t}, output)
        x.zero_()  # samplers write to their own
        seen.computed(ft.history.SiteKey("model", 0, 0), ft.Step(i, float(t[0])), output)
    assert [c.time for c in seen.changes] == [9.0, 7.0, 5.0]
    for change in seen.changes:
        assert change.to_input == pytest.approx(3.0, rel=1e-4)
        assert change.to_time == pytest.approx(0.5, rel=1e-4)


def test_the_amplified_estimate_is_the_final_error() -> None:
    """At a measured step, forecasting it alone moves the sample as the fitted gate would say."""
    pipe = tiny()
    gate = ft.fit(pipe, "error_estimate", MADE[:1] * 2, probes=STEPS - 1, force=True).method.gate
    assert len(gate.amplification) == STEPS
    assert all(a > 0 for a in gate.amplification)
    found = ft.fit(pipe, "error_estimate", MADE[:1] * 2, probes=STEPS - 1, force=True)
    assert found.measured["explained"] == pytest.approx(1.0)
    assert found.measured["factor_left"] == pytest.approx(1.0)


def test_a_step_without_effect_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the last of a DDIM run that ends at its own time: rounding is all that moves the sample."""
    import foretrace.offline.fit_errors as module

    def effects(task: Any, call: Any) -> module.Effects:
        task.facts.seen["steps"] = STEPS
        return {1: (1.0, 2.0), 3: (1.0, 1e-9)}

    monkeypatch.setattr(module, "_effects", effects)
    found = ft.fit(tiny(), "error_estimate", MADE, force=True)
    assert found.method.gate.amplification[:5] == pytest.approx((2.0, 2.0, 2.0, 0.0, 2.0))
    assert found.measured["mean_amplification"] == pytest.approx(2.0)
    assert found.measured["factor_left"] == pytest.approx(1.0)


def test_amplification_is_the_geometric_mean_filled_between() -> None:
    assert amplified([{1: (1.0, 2.0)}, {1: (1.0, 8.0), 3: (2.0, 2.0)}], 5) == pytest.approx((4, 4, 2, 1, 1))
    assert amplified([{}], 3) == (1.0, 1.0, 1.0)


def test_what_a_fit_says() -> None:
    truth = [1.0, 2.0, 4.0]
    assert explained(truth, truth, [2.0] * 3) == 1.0
    assert explained(truth, [2.0] * 3, [2.0] * 3) == 0.0
    assert explained(truth, [9.0] * 3, [2.0] * 3) < 0
    assert math.isnan(explained(truth, truth, truth))
    assert spearman(truth, [1, 10, 100]) == pytest.approx(1.0)
    assert spearman(truth, [3, 2, 1]) == pytest.approx(-1.0)
    assert spearman([1, 1, 2, 2], [5, 5, 9, 9]) == pytest.approx(1.0)
    assert math.isnan(spearman(truth, [1, 1, 1]))


def test_a_fit_that_explains_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import foretrace.offline.fit as module

    def nothing(task: Any) -> Any:
        return module.Fitted(task.method.gate, 0.0, {})

    monkeypatch.setitem(module.FITS, TeaCache, nothing)
    with pytest.raises(NoGain, match="TeaCache explains a share of 0; expected more than 0"):
        ft.fit(tiny(), "teacache", MADE)
    assert ft.fit(tiny(), "teacache", MADE, force=True).measured["explained"] == 0.0


@pytest.mark.parametrize(
    ("method", "how", "told"),
    [
        ("easycache", {}, "has nothing to fit; expected one of ErrorEstimate, MagCache, SenCache, TeaCache"),
        ("fora", {}, "got None, which has nothing to fit"),
        ("teacache", {"held_out": 3}, "held_out got 3"),
        ("error_estimate", {"probes": 0}, "probes got 0"),
    ],
)
def test_bad_settings_are_refused_before_any_run(method: str, how: dict[str, Any], told: str) -> None:
    pipe = tiny()
    with counted(pipe) as outputs, pytest.raises(InvalidSetting, match=told):
        ft.fit(pipe, method, MADE, **how)
    assert not outputs


def test_the_error_of_a_fitted_run_is_within_its_tolerance_by_an_order() -> None:
    """A tolerance of the final sample: the error found is not ten times what was allowed a run of skips."""
    pipe = tiny()
    made = ft.fit(pipe, "error_estimate", MADE, probes=4, force=True)
    tolerance = 0.02
    gate = replace(made.method.gate, tolerance=tolerance)
    reference = sample(pipe, MADE[-1])
    with ft.accelerate(pipe, replace(made.method, gate=gate)):
        error = float(relative_error(sample(pipe, MADE[-1]), reference).mean())
    assert error < 10 * tolerance
