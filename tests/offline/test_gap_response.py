"""What a factor does at the end of its gap, told by the sampler alone: compared with runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler, PixArtAlphaPipeline
from torch import Tensor

import foretrace as ft
from foretrace.offline.candidate import Candidate
from foretrace.offline.factors import factors_of, free_gaps, with_factors
from foretrace.offline.gap_response import GapWatch, times_after
from foretrace.offline.sampling import LatentPath, sample
from foretrace.offline.together import Together
from foretrace.runtime.scheduler_step import StepCall
from offline.common import STEPS, calls, tiny
from runtime.test_pipelines import _autoencoder
from tiny import FAMILIES

MASK = (0, 2, 4)
GAPS = free_gaps(MASK, STEPS)
VALUES = [round(0.4 + 0.3 * j, 2) for j in range(len(GAPS))]


def with_values(values: list[float], mask: tuple[int, ...] = MASK) -> Candidate:
    return with_factors(mask, STEPS, free_gaps(mask, STEPS), values)


def path_of(pipe: Any, call: Any, candidate: Candidate | None = None) -> list[Tensor]:
    """The latents after every step, of each sample once."""
    seen = LatentPath()
    working = nullcontext() if candidate is None else ft.accelerate(pipe, candidate.method(ft.PerModel()))
    with working:
        final = sample(pipe, call, seen)
    return [x[: len(final)] for x in seen.found]


def guided_dit() -> tuple[Any, Any]:
    made = calls(1)[0] | {"guidance_scale": 2.0}
    return tiny(), made | {"generator": [torch.Generator().manual_seed(i) for i in range(2)]}


def multistep_dit() -> tuple[Any, Any]:
    pipe, call = guided_dit()
    pipe.scheduler = DPMSolverMultistepScheduler.from_config(pipe.scheduler.config)
    return pipe, call


def noisy_pixart() -> tuple[Any, Any]:
    """A sampler that draws noise at every step."""
    pipe = PixArtAlphaPipeline(None, None, _autoencoder(), FAMILIES["pixart"].model(), DDPMScheduler())
    pipe.set_progress_bar_config(disable=True)
    text = torch.randn(2, 1, 5, 12, generator=torch.Generator().manual_seed(0))
    return pipe, {
        "prompt": None, "negative_prompt": None, "prompt_embeds": text[0], "negative_prompt_embeds": text[1],
        "prompt_attention_mask": torch.ones(1, 5), "negative_prompt_attention_mask": torch.ones(1, 5),
        "height": 8, "width": 8, "num_inference_steps": STEPS, "use_resolution_binning": False,
        "output_type": "latent", "generator": torch.Generator().manual_seed(0),
    }  # fmt: skip


PIPELINES: dict[str, Callable[[], tuple[Any, Any]]] = {
    "dit": guided_dit,
    "multistep": multistep_dit,
    "noisy": noisy_pixart,
    "flux": lambda: (tiny("flux"), calls(1, "flux")[0]),
    "wan": lambda: (tiny("wan"), calls(1, "wan")[0]),
}


@pytest.fixture(params=PIPELINES)
def built(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    return PIPELINES[request.param]()


def watched(pipe: Any, call: Any, candidate: Candidate, truth: list[Tensor]) -> tuple[GapWatch, Tensor]:
    watch = GapWatch(pipe.scheduler, STEPS, len(truth[0]), truth.__getitem__)
    with ft.accelerate(pipe, candidate.method(ft.PerModel())), watch([candidate]):
        return watch, sample(pipe, call)


def test_moves_and_misses_are_those_of_runs(built: tuple[Any, Any]) -> None:
    """A run with one factor changed differs at the end of its gap by the move that was told."""
    pipe, call = built
    truth, here = path_of(pipe, call), with_values(VALUES)
    now = path_of(pipe, call, here)
    watch, _ = watched(pipe, call, here, truth)
    assert watch.explained
    found = watch.found[here]
    assert sorted(found) == sorted({gap.begin for gap in GAPS})
    for begin, gram in found.items():
        own = [j for j, gap in enumerate(GAPS) if gap.begin == begin]
        end = GAPS[own[0]].end - 1
        columns = []
        for j in own:
            changed = path_of(pipe, call, with_values([v + (i == j) for i, v in enumerate(VALUES)]))
            columns.append(changed[end].double() - now[end].double())
        columns.append(truth[end].double() - now[end].double())
        z = torch.stack([x.flatten(1) for x in columns], dim=1)
        z = z / truth[end].double().flatten(1).norm(dim=1)[:, None, None]
        wanted = z @ z.mT
        torch.testing.assert_close(gram, wanted, rtol=1e-2, atol=1e-3 * float(wanted.abs().max()))


def test_nothing_is_left_behind_and_nothing_changed(built: tuple[Any, Any]) -> None:
    pipe, call = built
    truth, here = path_of(pipe, call), with_values(VALUES)
    expected = path_of(pipe, call, here)[-1].float()
    _, final = watched(pipe, call, here, truth)
    assert torch.equal(final, expected)
    assert "step" not in vars(pipe.scheduler)
    with pytest.raises(KeyError), GapWatch(pipe.scheduler, STEPS, 1, truth.__getitem__)([here]):
        raise KeyError
    assert "step" not in vars(pipe.scheduler)


@pytest.mark.parametrize("name", ["dit", "wan"])
def test_side_by_side_each_has_what_it_has_alone(name: str) -> None:
    pipe = tiny(name)
    call = calls(1, name, batch=2)[0]
    call |= {"generator": [torch.Generator().manual_seed(i) for i in range(2)]}
    call |= {"guidance_scale": 2.0} if name == "dit" else {}
    truth = path_of(pipe, call)
    group = [with_values(VALUES), with_values(VALUES[::-1]), with_values(VALUES[::-1], (0, 3, 5))]
    several = Together(pipe, ft.PerModel(), 3)
    watch = GapWatch(pipe.scheduler, STEPS, 2, truth.__getitem__)
    several.latents(group, call, truth[-1].float(), watch)
    assert (several.most, several.mixed, several.alone, watch.explained) == (3, True, None, True)
    for one in group:
        alone, _ = watched(pipe, call, one, truth)
        assert watch.found[one].keys() == alone.found[one].keys()
        for begin, gram in alone.found[one].items():
            scale = float(gram.abs().max())
            torch.testing.assert_close(watch.found[one][begin], gram, rtol=1e-2, atol=1e-4 * scale)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_rounding_is_no_other_pipeline(dtype: torch.dtype) -> None:
    pipe, call = tiny("flux").to(dtype), calls(1, "flux")[0]
    call |= {name: x.to(dtype) for name, x in call.items() if isinstance(x, Tensor)}
    watch, _ = watched(pipe, call, with_values(VALUES), path_of(pipe, call))
    assert watch.explained


def test_a_pipeline_that_does_more_before_its_sampler_is_found_out() -> None:
    pipe, call = guided_dit()
    truth, plain = path_of(pipe, call), pipe.scheduler.step

    def louder(model_output: Tensor, timestep: Any, *args: Any, **kwargs: Any) -> Any:
        return plain(model_output * (1.0 + 0.02 * float(timestep)), timestep, *args, **kwargs)

    pipe.scheduler.step = louder
    watch, _ = watched(pipe, call, with_values(VALUES), truth)
    assert not watch.explained


def test_so_is_a_sampler_that_cannot_be_copied() -> None:
    pipe, call = guided_dit()
    truth, here = path_of(pipe, call), with_values(VALUES)
    expected = path_of(pipe, call, here)[-1].float()

    def refuse(memo: Any) -> None:
        raise TypeError("no copies")

    pipe.scheduler.__deepcopy__ = refuse
    watch, final = watched(pipe, call, here, truth)
    assert not watch.explained
    assert torch.equal(final, expected), "the run goes on"


def test_so_are_two_experts_which_have_histories_of_their_own() -> None:
    pipe, call = tiny("wan-experts"), calls(1, "wan")[0]
    watch, _ = watched(pipe, call, with_values(VALUES), path_of(pipe, call))
    assert not watch.explained


@pytest.mark.parametrize("given", [torch.tensor(700), torch.tensor([700.0]), 700, 700.0])
def test_a_run_that_begins_late_goes_on_from_there(given: Any) -> None:
    """Pipelines that start from a picture leave out the first timesteps, and some samplers do not know."""
    sampler = DDPMScheduler()
    sampler.set_timesteps(10)
    assert sampler.timesteps.tolist() == list(range(900, -1, -100))
    found = times_after(sampler, StepCall((None, given), {}))
    assert [float(t) for t in found] == list(range(600, -1, -100))
    assert all(isinstance(t, type(given)) for t in found)


def test_a_schedule_without_gaps_has_no_responses() -> None:
    pipe, call = guided_dit()
    truth = path_of(pipe, call)
    whole = with_values([], tuple(range(STEPS)))
    watch, final = watched(pipe, call, whole, truth)
    assert watch.found[whole] == {} and watch.explained
    assert torch.equal(final, truth[-1].float())
    assert factors_of(whole, STEPS) == []


@pytest.mark.parametrize("positional", [0, 1, 3, 4])
def test_a_step_is_taken_again_as_it_was_called(positional: int) -> None:
    class Echo:
        def step(self, model_output: Any, timestep: Any, sample: Any, eta: float, generator: Any) -> Any:
            return model_output, timestep, sample, eta, torch.rand(1, generator=generator)

    given = {"model_output": 1, "timestep": 2, "sample": 3, "eta": 0.5}
    generator = torch.Generator().manual_seed(0)
    args = tuple(given.values())[:positional]
    named = dict(list(given.items())[positional:]) | {"generator": generator}
    call = StepCall(args, named)
    assert [call.get(name) for name in ("model_output", "timestep", "sample")] == [1, 2, 3]
    one, two = (call.again(Echo(), torch.zeros(1), 8, torch.ones(1)) for _ in range(2))
    assert one[:4] == (torch.zeros(1), 8, torch.ones(1), 0.5)
    assert torch.equal(one[4], two[4]), "each draws from a copy of the generator"
    assert torch.equal(torch.rand(1, generator=generator), one[4])
