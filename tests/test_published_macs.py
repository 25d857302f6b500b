"""The step counts and per-step MACs behind the published tables, on the true configurations without data."""

import pytest
import torch
from diffusers import DiTTransformer2DModel, PixArtTransformer2DModel

import foretrace as ft
from foretrace.models import find_spec

D, LAYERS = 1152, 28
GIGA = 1e9


def build(family: str, side: int = 32):
    common = {
        "num_attention_heads": 16, "attention_head_dim": 72, "num_layers": LAYERS, "patch_size": 2,
        "in_channels": 4, "out_channels": 8, "sample_size": side,
    }  # fmt: skip
    with torch.device("meta"):
        if family == "dit":
            return DiTTransformer2DModel(num_embeds_ada_norm=1000, **common)
        return PixArtTransformer2DModel(cross_attention_dim=D, caption_channels=4096, **common)


def inputs(family: str, side: int = 32):
    with torch.device("meta"):
        shared = {"hidden_states": torch.empty(2, 4, side, side), "timestep": torch.empty(2)}
        if family == "dit":
            return shared | {"class_labels": torch.zeros(2, dtype=torch.long)}
        conditions = {"resolution": None, "aspect_ratio": None}
        return shared | {
            "encoder_hidden_states": torch.empty(2, 120, 4096),
            "added_cond_kwargs": conditions,
        }


@pytest.mark.parametrize(
    ("anchor", "total", "interval", "count"),
    [
        ("last", 50, 3, 18), ("last", 50, 4, 14), ("last", 50, 5, 11), ("last", 250, 3, 84),
        ("first", 20, 2, 10), ("first", 20, 3, 7), ("first", 20, 4, 5),
    ],
)  # fmt: skip
@pytest.mark.parametrize("recipe", ["fora", "tracache"])
def test_recipes_compute_as_many_steps_as_published(recipe, anchor, total, interval, count):
    method = ft.load_method(recipe, interval=interval)
    table = method.schedule.resolve(anchor).table(total)
    assert len(table) == count
    assert table == ft.Stride(interval, anchor).table(total)


def test_families_are_anchored_as_published():
    assert find_spec(build("dit")).anchor == "last"
    assert find_spec(build("pixart")).anchor == "first"


def test_counter_computes_twelve_of_fifty():
    assert len(ft.Counter(5, 3).table(50)) == 12


def test_full_step_of_dit_xl():
    per_token = 12 * D * D  # q, k, v, out: 4; a four times wider feed-forward: 8
    per_sample = LAYERS * (256 * per_token + 6 * D * D) + 2 * D * D
    ends = 256 * D * (16 + 32) + 256 * D + D * D
    by_hand = 2 * (per_sample + ends)
    assert by_hand == pytest.approx(228.8 * GIGA, rel=5e-4)
    model = build("dit")
    counted = ft.count_call(model, (), inputs("dit"), list(model.transformer_blocks))
    assert counted.computed.linear == pytest.approx(by_hand, rel=5e-3)
    matmuls = counted.computed.total - counted.computed.linear
    assert matmuls == 2 * LAYERS * 2 * 256 * 256 * D
    skipped = counted.computed.linear - counted.inside.linear
    assert skipped == 2 * (256 * D * (16 + 32) + 256 * D + D * D + 2 * D * D)  # the two ends alone


@pytest.mark.parametrize(("side", "giga"), [(32, 284.24), (64, 1083.4)])
def test_full_step_of_pixart_alpha(side, giga):
    tokens, text = side * side // 4, 120
    block = tokens * (4 + 2 + 8) * D * D + text * 2 * D * D  # self, cross, feed-forward; text keys, values
    by_hand = 2 * (LAYERS * block + tokens * D * (16 + 32) + 256 * D + 7 * D * D)
    assert by_hand == pytest.approx(giga * GIGA, rel=5e-4)
    model = build("pixart", side)
    counted = ft.count_call(model, (), inputs("pixart", side), [model.caption_projection])
    assert counted.inside.linear == 2 * text * (4096 * D + D * D)
    # the published tables leave the caption projection out: 0.5 % at 256
    assert counted.computed.linear - counted.inside.linear == pytest.approx(by_hand, rel=5e-3)
