"""What other code does to a model while a method is attached, and what it must find afterwards."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch
from accelerate.hooks import ModelHook, add_hook_to_module, remove_hook_from_module
from diffusers import FlowMatchEulerDiscreteScheduler, HunyuanDiT2DModel
from torch import Tensor, nn

import foretrace as ft
from foretrace.errors import ClockError, ShapeChanged, UnsupportedModel
from runtime.test_laws import snapshot
from tiny import FAMILIES, randomise, sample

SD3, DIT = FAMILIES["sd3"], FAMILIES["dit"]
EVERY_THIRD: dict[str, Any] = {"interval": 3, "anchor": "first"}
SITES = ["model", "stack"]


class Line(nn.Module):
    """A denoiser that returns its time, and counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor, t: float, return_dict: bool = True) -> Any:
        self.calls += 1
        y = torch.ones_like(x) * t
        return {"sample": y} if return_dict else (y,)


def run_line(model: nn.Module, times: list[float]) -> list[float]:
    return [float(model(torch.zeros(1, 1), t, return_dict=False)[0]) for t in times]


FALLING = [900.0 - 100 * i for i in range(9)]


@pytest.mark.parametrize("site", SITES)
def test_the_report_leaves_cast_and_offloaded_weights_alone(site: str) -> None:
    """Hooks that move weights must not run while MACs are counted without data."""
    model = SD3.model()
    model.enable_layerwise_casting(storage_dtype=torch.bfloat16, compute_dtype=torch.float32)
    expected = sample(SD3, model, 4)
    with ft.accelerate(model, "fora", granularity=site, **EVERY_THIRD) as run:
        sample(SD3, model, 4)
    assert 0 < run.report.macs < run.report.macs_full
    assert torch.equal(sample(SD3, model, 4), expected)


def test_counting_runs_no_hook_of_the_user() -> None:
    model, fired = SD3.model(), []
    model.transformer_blocks[0].register_forward_hook(lambda *_: fired.append(1))
    with ft.accelerate(model, "fora", granularity="stack", **EVERY_THIRD) as run:
        sample(SD3, model, 6)
    before = len(fired)
    assert run.report.macs > 0
    assert len(fired) == before == 2, "two computed steps; the replay of the first passes over all blocks"


def test_counting_after_a_change_of_dtype() -> None:
    model = SD3.model()
    with ft.accelerate(model, "fora", **EVERY_THIRD) as run:
        sample(SD3, model, 6)
    model.to(torch.bfloat16)
    assert run.report.macs > 0


def test_a_hook_of_accelerate_added_while_attached() -> None:
    model = SD3.model()
    fresh, names = sample(SD3, model, 6), snapshot(model)
    first = ft.attach(model, "fora", granularity="model", **EVERY_THIRD)
    sample(SD3, model, 6)
    add_hook_to_module(model, ModelHook())
    with pytest.raises(Exception, match="attached already"):
        ft.attach(model, "fora", **EVERY_THIRD)
    first.detach()
    second = ft.attach(model, "tracache", interval=2, order=1, anchor="first", granularity="model")
    sample(SD3, model, 6)
    assert second.report.computed == [0, 2, 4]
    second.detach()
    remove_hook_from_module(model)
    assert torch.equal(sample(SD3, model, 6), fresh)
    assert names[0] == snapshot(model)[0]
    ft.attach(model, "fora", **EVERY_THIRD).detach()


@pytest.mark.parametrize("site", SITES)
def test_copies_of_an_attached_model_are_free(site: str) -> None:
    model = SD3.model()
    plain = sample(SD3, model, 6)
    with ft.accelerate(model, "fora", granularity=site, **EVERY_THIRD):
        cached = sample(SD3, model, 6)
        twin = copy.deepcopy(model)
        buffer = io.BytesIO()
        torch.save(model, buffer)
        buffer.seek(0)
        loaded = torch.load(buffer, weights_only=False)
        for other in (twin, loaded):
            assert torch.equal(sample(SD3, other, 6), plain)
            assert not any(type(m).__name__ == "Tap" for m in other.modules())
            with ft.accelerate(other, "fora", granularity=site, **EVERY_THIRD):
                assert torch.equal(sample(SD3, other, 6), cached)


def test_hooks_put_on_a_block_while_attached_stay() -> None:
    model, fired = SD3.model(), []
    with ft.accelerate(model, "fora", granularity="stack", **EVERY_THIRD):
        model.transformer_blocks[1].register_forward_hook(lambda *_: fired.append(1))
        sample(SD3, model, 3)
        assert len(fired) == 1, "a skipped block does not run"
    sample(SD3, model, 2)
    assert len(fired) == 3


def test_a_block_list_that_changes_while_attached() -> None:
    model = SD3.model()
    handle = ft.attach(model, "fora", granularity="stack", **EVERY_THIRD)
    del model.transformer_blocks[0]
    handle.detach()
    assert not any(type(m).__name__ == "Tap" for m in model.modules())


@torch.no_grad()
@pytest.mark.parametrize(("learned", "later"), [(None, [1]), ([2], None)])
def test_blocks_switched_at_a_skipped_step_are_noticed(learned: Any, later: Any) -> None:
    model = SD3.model()
    latent, conditions = SD3.inputs(2, torch.Generator().manual_seed(0))
    with ft.accelerate(model, ft.Method(ft.Mask([0]), ft.Reuse(), ft.PerStack())):
        model(latent, timestep=torch.tensor([900.0]), skip_layers=learned, **conditions)
        with pytest.raises(ShapeChanged, match="block"):
            model(latent, timestep=torch.tensor([800.0]), skip_layers=later, **conditions)


@torch.no_grad()
def test_a_long_skip_out_of_the_span_is_refused() -> None:
    """HunyuanDiT hands the output of an early block to a late one; with that one in the tail it is needed."""
    model = randomise(
        HunyuanDiT2DModel(
            num_attention_heads=2, attention_head_dim=8, in_channels=4, patch_size=2, sample_size=8,
            hidden_size=16, num_layers=6, mlp_ratio=2, learn_sigma=False, cross_attention_dim=16,
            cross_attention_dim_t5=16, pooled_projection_dim=8, text_len=5, text_len_t5=5,
        ),
        0,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    call = {
        "hidden_states": torch.randn(2, 4, 8, 8, generator=generator),
        "encoder_hidden_states": torch.randn(2, 5, 16, generator=generator),
        "text_embedding_mask": torch.ones(2, 5),
        "encoder_hidden_states_t5": torch.randn(2, 5, 16, generator=generator),
        "text_embedding_mask_t5": torch.ones(2, 5),
        "image_meta_size": torch.randn(2, 6, generator=generator),
        "style": torch.zeros(2, dtype=torch.long),
        "image_rotary_emb": (torch.ones(16, 8), torch.zeros(16, 8)),
    }
    with ft.accelerate(model, "fora", granularity=ft.PerStack(0, 1), **EVERY_THIRD):
        with pytest.raises(UnsupportedModel, match="elsewhere than in the next block"):
            model(timestep=torch.tensor([900.0, 900.0]), **call)
    with ft.accelerate(model, "fora", granularity=ft.PerStack(1, 1), **EVERY_THIRD):
        model(timestep=torch.tensor([900.0, 900.0]), **call)


def test_a_call_outside_of_any_loop_does_not_stop_acceleration() -> None:
    model = Line()
    with ft.accelerate(model, "fora", granularity="model", **EVERY_THIRD) as run:
        run_line(model, [500.0])
        for _ in range(3):
            run_line(model, FALLING)
        assert len(run.report.computed) <= 4


def test_runs_of_one_step_need_to_be_begun() -> None:
    model = Line()
    with ft.accelerate(model, "fora", granularity="model", **EVERY_THIRD) as run:
        with pytest.raises(ClockError, match=r"one time, 1.*run\.begin"):
            run_line(model, [1.0] * 40)
        for _ in range(40):
            run.begin()
            assert run_line(model, [1.0]) == [1.0]


class Pipe:
    """A pipeline that fills a cache by a call of its own before it sets the times."""

    def __init__(self) -> None:
        self.transformer, self.scheduler = Line(), FlowMatchEulerDiscreteScheduler()
        self.components = {"transformer": self.transformer, "scheduler": self.scheduler}

    def __call__(self) -> bool:
        before = self.transformer.calls
        self.transformer(torch.zeros(1, 1), 0.0)
        filled = self.transformer.calls > before
        self.scheduler.set_timesteps(8)
        x = torch.zeros(1, 1)
        for t in self.scheduler.timesteps:
            x = self.scheduler.step(self.transformer(x, float(t))["sample"], t, x, return_dict=False)[0]
        return filled


def test_a_call_after_the_end_of_a_run_is_computed() -> None:
    pipe = Pipe()
    with ft.accelerate(pipe, "fora", granularity="model", **EVERY_THIRD) as run:
        assert [pipe() for _ in range(3)] == [True] * 3
        assert run.report.computed == [0, 3, 6]


def test_the_return_type_is_that_of_the_call() -> None:
    model = Line()
    with ft.accelerate(model, "fora", granularity="model", **EVERY_THIRD):
        first = model(torch.zeros(1, 1), 900.0, return_dict=False)
        second = model(torch.zeros(1, 1), 800.0, return_dict=True)
    assert isinstance(first, tuple)
    assert float(second["sample"]) == 800.0


def test_a_gradient_is_never_lost() -> None:
    model = Line()
    with ft.accelerate(model, "fora", granularity="model", **EVERY_THIRD):
        for t in FALLING[:3]:
            x = torch.ones(1, 1, requires_grad=True)
            assert float((model(x * t, t)["sample"] + x * 0).sum().detach()) == t


def test_whole_numbers_are_not_forecast() -> None:
    class Counting(nn.Module):
        def forward(self, x: Tensor, t: float) -> tuple[Tensor, Tensor]:
            return x + t, torch.tensor([2**24 + 1])

    model = Counting()
    with ft.accelerate(model, "tracache", interval=2, order=1, anchor="first", granularity="model"):
        outputs = [model(torch.zeros(1, 1), t) for t in FALLING[:4]]
    assert [int(n) for _, n in outputs] == [2**24 + 1] * 4
    assert float(outputs[3][0]) == FALLING[3]


def test_a_narrow_history_overflows_aloud() -> None:
    class Large(nn.Module):
        def forward(self, x: Tensor, t: float) -> Tensor:
            return torch.full_like(x, 1e5 + t)

    model = Large()
    with ft.accelerate(model, "fora", granularity="model", history_dtype=torch.float16, **EVERY_THIRD) as run:
        with pytest.warns(UserWarning, match=r"inf in torch\.float16"):
            outputs = [model(torch.zeros(1, 1), t) for t in FALLING[:5]]
    assert run.report.skipped == []
    assert all(torch.isfinite(y).all() for y in outputs)


def test_sampling_something_else_is_told() -> None:
    method = ft.load_method("fora", granularity="model", **EVERY_THIRD)
    with pytest.warns(UserWarning, match="saw no call"), ft.accelerate(Line(), method):
        run_line(Line(), FALLING)
