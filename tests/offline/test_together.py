"""Several candidates in one run end where each ends alone; and where they cannot, they are run alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import foretrace as ft
from foretrace.errors import UnsupportedModel
from foretrace.offline import together as module
from foretrace.offline.calls import fresh
from foretrace.offline.candidate import Candidate
from foretrace.offline.judge import Judge
from foretrace.offline.sampling import once, relative_error, sample, watch_latents
from foretrace.offline.side_by_side import OwnPredictor, side_by_side
from foretrace.offline.tiling import copies_of, samples_of, tiled
from foretrace.offline.together import Together
from offline.common import STEPS, calls, counted, tiny

MASKS = ((0, 2, 4, 6), (0, 3, 5, 6), (0, 1, 4, 7))
SAME = [Candidate(MASKS[0], p) for p in (ft.Lagrange(1), ft.Reuse(), ft.AdaptiveLagrange(2))]
MIXED = [Candidate(*x) for x in zip(MASKS, (ft.Lagrange(1), ft.FoCa(0.5), ft.Reuse()), strict=True)]
ROUNDING = 2e-5


def call_of(name: str, batch: int) -> dict[str, Any]:
    """A call with a generator for each sample."""
    made = calls(1, name, batch=batch)[0]
    if name == "dit":
        made |= {"guidance_scale": 2.0}
    return made | {"generator": [torch.Generator().manual_seed(i) for i in range(batch)]}


def alone(pipe: Any, candidates: Sequence[Candidate], call: Any, site: ft.Granularity) -> list[torch.Tensor]:
    found = []
    for candidate in candidates:
        with ft.accelerate(pipe, candidate.method(site)):
            found.append(sample(pipe, call))
    return found


@pytest.mark.parametrize("site", [ft.PerModel(), ft.PerStack(), ft.PerModule("attn", "ff")], ids=str)
@pytest.mark.parametrize("group", [SAME, MIXED], ids=["one schedule", "several"])
@pytest.mark.parametrize("name", ["dit", "flux", "wan"])
def test_each_ends_where_it_ends_alone(name: str, group: list[Candidate], site: ft.Granularity) -> None:
    pipe, call = tiny(name), call_of(name, 2)
    several = Together(pipe, site, 3)
    found = several.latents(group, call, sample(pipe, call))
    assert (several.most, several.mixed, several.alone) == (3, True, None)
    for got, truth in zip(found, alone(pipe, group, call, site), strict=True):
        assert float(relative_error(got, truth).max()) < ROUNDING


def test_they_share_their_calls_and_only_the_first_group_is_checked() -> None:
    pipe, call = tiny(), call_of("dit", 1)
    reference, several = sample(pipe, call), Together(pipe, ft.PerModel(), 3)
    several.latents(SAME, call, reference)
    with counted(pipe) as seen:
        several.latents(SAME, call, reference)
        assert [len(x) for x in seen] == [6] * 4, "3 candidates with 2 rows each, at 4 steps"
    several.latents(MIXED, call, reference)
    with counted(pipe) as seen:
        several.latents(MIXED, call, reference)
        rows = [2 * sum(step in one.computed for one in MIXED) for step in range(STEPS)]
        first, proof, *rest = [len(x) for x in seen]
        assert (first, proof) == (6, 1), "one sample apart, by which the runtime sees that they may be"
        assert rest == [n for n in rows[1:] if n]


def test_more_than_fit_are_run_in_groups() -> None:
    pipe, call = tiny(), call_of("dit", 1)
    several = Together(pipe, ft.PerModel(), 2)
    found = several.latents([*SAME, *MIXED], call, sample(pipe, call))
    truth = alone(pipe, [*SAME, *MIXED], call, ft.PerModel())
    assert all(float(relative_error(a, b).max()) < ROUNDING for a, b in zip(found, truth, strict=True))


def test_out_of_memory_makes_groups_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, call = tiny(), call_of("dit", 1)
    reference, several = sample(pipe, call), Together(pipe, ft.PerModel(), 4)
    run = several._run

    def small(method: ft.Method, made: Any) -> torch.Tensor:
        if len(made["generator"]) > 1:
            raise torch.OutOfMemoryError("no room")
        return run(method, made)

    monkeypatch.setattr(several, "_run", small)
    found = several.latents([*MIXED, *SAME], call, reference)
    assert (several.most, several.mixed) == (1, False)
    assert several.alone == "OutOfMemoryError: no room"
    truth = alone(pipe, [*MIXED, *SAME], call, ft.PerModel())
    assert all(torch.equal(a, b) for a, b in zip(found, truth, strict=True))


def test_a_pipeline_whose_samples_depend_on_each_other_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, call = tiny(), call_of("dit", 1)
    reference, several = sample(pipe, call), Together(pipe, ft.PerModel(), 2)
    run = several._run

    def mixing(method: ft.Method, made: Any) -> torch.Tensor:
        latents = run(method, made)
        return latents if len(made["generator"]) == 1 else latents + latents.mean(dim=0)

    monkeypatch.setattr(several, "_run", mixing)
    found = several.latents(SAME, call, reference)
    assert several.alone == "a sample's latents depend on how many are sampled at once"
    truth = alone(pipe, SAME, call, ft.PerModel())
    assert all(torch.equal(a, b) for a, b in zip(found, truth, strict=True))


def test_a_failure_after_the_proof_is_no_reason_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, call = tiny(), call_of("dit", 1)
    reference, several = sample(pipe, call), Together(pipe, ft.PerModel(), 2)
    several.latents(SAME[:2], call, reference)

    def broken(method: ft.Method, made: Any) -> torch.Tensor:
        raise UnsupportedModel("broken")

    monkeypatch.setattr(several, "_run", broken)
    with pytest.raises(UnsupportedModel, match="broken"):
        several.latents(SAME[:2], call, reference)


def test_one_generator_for_several_samples_is_run_alone() -> None:
    pipe, call = tiny(), calls(1, batch=2)[0]
    several = Together(pipe, ft.PerModel(), 2)
    found = several.latents(SAME[:2], call, sample(pipe, call))
    assert several.alone == "a call names no noise for each of its samples"
    truth = alone(pipe, SAME[:2], call, ft.PerModel())
    assert all(torch.equal(a, b) for a, b in zip(found, truth, strict=True))


def test_processes_search_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_initialized", lambda: True)
    assert Together(tiny(), ft.PerModel(), 4).most == 1


def test_a_judge_gives_the_same_verdicts() -> None:
    pipe, made = tiny(), [call_of("dit", 1) | {"class_labels": [i]} for i in range(3)]
    references = [sample(pipe, call) for call in made]
    runners = [Together(pipe, ft.PerModel(), n) for n in (1, 3)]
    judges = [Judge(pipe, ft.PerModel(), made, references, None, runner) for runner in runners]
    for rival in (None, MIXED[0]):
        one, several = (judge.errors_of([*SAME, *MIXED], rival) for judge in judges)
        assert several == pytest.approx(one, rel=1e-4)
        assert one == [judges[0].error(x, rival) for x in [*SAME, *MIXED]]
    assert judges[0].runs == judges[1].runs


def test_tune_says_how_many_ran_together() -> None:
    made = [call_of("dit", 1) | {"class_labels": [i]} for i in range(3)]
    how: dict[str, Any] = {"computed_steps": 4, "minutes": 0.01, "predictors": (ft.Lagrange(1), ft.Reuse())}
    several, single = ft.tune(tiny(), made, **how), ft.tune(tiny(), made, together=1, **how)
    assert (several.measured["together"], single.measured["together"]) == (4, "asked for")
    with pytest.raises(ft.ForetraceError, match="together got 0; expected an integer >= 1"):
        ft.tune(tiny(), made, together=0, **how)


@given(samples=st.integers(1, 4), copies=st.integers(1, 4), branches=st.integers(1, 2))
def test_taking_apart_undoes_putting_together(samples: int, copies: int, branches: int) -> None:
    places = torch.arange(copies * samples).repeat(branches) + 100 * torch.arange(branches).repeat_interleave(
        copies * samples
    )
    for k, part in enumerate(copies_of(places[:, None], samples, copies)):
        own = torch.arange(samples) + k * samples
        assert part[:, 0].tolist() == [100 * b + int(i) for b in range(branches) for i in own]


def test_a_call_is_repeated_with_generators_of_its_own() -> None:
    made = {
        "prompt": "a cat",
        "negative_prompt": "",
        "generator": torch.Generator().manual_seed(1),
        "sigmas": [1.0],
        "height": 32,
        "latents": torch.arange(3.0)[None],
    }
    assert samples_of(made) == 1
    wide = tiled(made, 3)
    assert wide is not None
    assert (wide["prompt"], wide["negative_prompt"]) == (["a cat"] * 3, "")
    assert (wide["sigmas"], wide["height"], wide["latents"].shape) == ([1.0], 32, (3, 3))
    draws = [torch.rand(2, generator=g) for g in wide["generator"]]
    assert all(torch.equal(x, draws[0]) for x in draws)
    assert torch.equal(torch.rand(2, generator=made["generator"]), draws[0]), "the call's own is not used up"
    two = {"prompt": ["a", "b"], "generator": [torch.Generator(), torch.Generator()], "eta": 0.0}
    again = tiled(two, 2)
    assert again is not None and again["prompt"] == ["a", "b", "a", "b"] and len(again["generator"]) == 4
    assert tiled({"prompt": ["a", "b"], "generator": torch.Generator()}, 2) is None
    assert samples_of({"latents": torch.zeros(5, 3)}) == 5
    assert samples_of({"prompt": "a"}) is None


def test_rows_of_a_guidance_count_once() -> None:
    """DiT's pipeline carries its latents along twice; as two samples they would make spreads too narrow."""
    pipe, call = tiny(), call_of("dit", 2)
    with watch_latents(pipe.scheduler) as seen:
        pipe(**fresh(call))
    assert seen.newest is not None and len(seen.newest) == 4
    assert torch.equal(sample(pipe, call), seen.newest[:2])
    x = torch.randn(4, 3)
    for samples in (None, 4):
        assert torch.equal(once(torch.cat([x, x]), samples), x)
    for samples in (None, 3, 2):
        assert once(x, samples) is x, "no repetition"


def test_a_group_promises_what_its_members_need() -> None:
    own = side_by_side([*SAME, Candidate(MASKS[0], ft.FoCa())], 2, ft.PerModel()).predictor
    assert isinstance(own, OwnPredictor)
    assert [own.of(row) for row in (0, 1, 2, 7, 8)] == [
        SAME[0].predictor,
        SAME[0].predictor,
        SAME[1].predictor,
        ft.FoCa(),
        SAME[0].predictor,
    ]
    assert own.points == max(one.predictor.points for one in SAME)
    assert own.counts_steps
