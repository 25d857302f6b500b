"""What `PerModule` keeps: the output, what is added of it, or output minus input; and fused projections."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import foretrace as ft
from foretrace.errors import InvalidSetting, UnsupportedModel
from foretrace.granularity import parse_granularity
from foretrace.history import Feature, SiteKey, Step
from foretrace.models import block_places, module_places
from foretrace.runtime.packing import tensor_slots
from foretrace.runtime.session import Session
from foretrace.runtime.target import find_target
from tiny import FAMILIES, sample

GATED = ft.PerModule("attn", "ff", store="gated")


class Kept:
    """An observer that copies every computed feature."""

    def __init__(self) -> None:
        self.features: dict[int, Feature] = {}

    def computed(self, site: SiteKey, step: Step, feature: Feature) -> None:
        self.features[site.number] = tuple(x.clone() for x in feature)

    def forecast(self, site: SiteKey, step: Step, feature: Feature) -> None:
        raise AssertionError("nothing is skipped here")


def contributions(model: nn.Module, run: Any) -> dict[str, list[Tensor]]:
    """What the modules of each block add in one computed call, by the block's path."""
    kept = Kept()
    session = Session(find_target(model), ft.Method(ft.Stride(1), ft.Reuse(), GATED), 1, kept)
    session.attach()
    run()
    (trace,) = session._traces.values()
    session.detach()
    found = defaultdict(list)
    for number, name in enumerate(trace.names):
        found[".".join(name.split(".")[:2])] += kept.features[number]
    return found


@pytest.mark.parametrize("name", ["dit", "pixart", "sd3", "wan"])
def test_what_modules_add_is_all_that_a_block_adds(name: str) -> None:
    """The gated contributions of a block sum up to the difference of what it returns and takes."""
    family = FAMILIES[name]
    model, moved = family.model(), defaultdict(list)

    def note(path: str) -> Any:
        def hook(_: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            streams = output if isinstance(output, tuple) else (output,)
            inputs = [x.clone() for x in tensor_slots(args, kwargs).values()]
            for stream in (x for x in streams if x is not None):
                moved[path].append([stream - x for x in inputs if x.shape == stream.shape])

        return hook

    paths = {module: path for path, module in model.named_modules()}
    for parent, key in block_places(model):
        block = parent._modules[key]
        assert block is not None
        block.register_forward_hook(note(paths[block]), with_kwargs=True)
    added = contributions(model, lambda: sample(family, model, 1))
    assert moved.keys() == added.keys()
    for path, streams in moved.items():
        for candidates in streams:
            total = sum(x for x in added[path] if x.shape == candidates[0].shape)
            assert min(float((total - c).norm() / c.norm()) for c in candidates) < 1e-5


class GatedByHand(nn.Module):
    """DiT that keeps gate times output, as PAB and AdaCache keep it, and adds it in place of running."""

    def __init__(self, model: nn.Module, interval: int) -> None:
        super().__init__()
        self.model, self.interval = model, interval
        self.kept: dict[tuple[int, str], Tensor] = {}
        self.calls = 0

    def forward(self, hidden_states: Tensor, timestep: Tensor, class_labels: Tensor, **_: Any) -> Any:
        fresh = self.calls % self.interval == 0
        self.calls += 1
        model, patch = self.model, self.model.patch_size
        height, width = (size // patch for size in hidden_states.shape[-2:])
        x = model.pos_embed(hidden_states)
        for i, block in enumerate(model.transformer_blocks):
            if fresh:
                normed, gate, shift, scale, gate_ff = block.norm1(
                    x, timestep, class_labels, hidden_dtype=x.dtype
                )
                self.kept[i, "attn"] = gate.unsqueeze(1) * block.attn1(normed)
            x = self.kept[i, "attn"] + x
            if fresh:
                normed = block.norm3(x) * (1 + scale[:, None]) + shift[:, None]
                self.kept[i, "ff"] = gate_ff.unsqueeze(1) * block.ff(normed)
            x = self.kept[i, "ff"] + x
        first = model.transformer_blocks[0].norm1.emb(timestep, class_labels, hidden_dtype=x.dtype)
        shift, scale = model.proj_out_1(torch.nn.functional.silu(first)).chunk(2, dim=1)
        x = model.proj_out_2(model.norm_out(x) * (1 + scale[:, None]) + shift[:, None])
        x = x.reshape(-1, height, width, patch, patch, model.out_channels)
        x = torch.einsum("nhwpqc->nchpwq", x)
        return (x.reshape(-1, model.out_channels, height * patch, width * patch),)


@torch.no_grad()
def test_gated_reuse_is_the_hand_written_one_bit_for_bit() -> None:
    family = FAMILIES["dit"]
    model, images = family.model(), {}
    by_hand = sample(family, GatedByHand(model, 3), 8)
    for granularity in (GATED, ft.PerModule("attn", "ff")):
        with ft.accelerate(model, "fora", interval=3, anchor="first", granularity=granularity):
            images[granularity] = sample(family, model, 8)
    assert torch.equal(images[GATED], by_hand)
    assert not torch.equal(images[ft.PerModule("attn", "ff")], by_hand), "the live gate would be the kept one"


@pytest.mark.parametrize("name", ["flux", "hunyuan"])
@pytest.mark.parametrize("store", ["output", "gated"])
def test_a_fused_block_has_one_site_and_runs_none_of_its_parts(name: str, store: Any) -> None:
    family = FAMILIES[name]
    model = family.model()
    single, ran = model.single_transformer_blocks[0], []
    for part in ("attn", "proj_mlp", "proj_out"):
        getattr(single, part).register_forward_pre_hook(lambda *_, part=part: ran.append(part))
    with ft.accelerate(
        model, "fora", interval=2, anchor="first", granularity=ft.PerModule("attn", "ff", store=store)
    ) as run:
        sample(family, model, 4)
    assert run.report.skipped == [1, 3]
    assert sorted(ran) == sorted(["attn", "proj_mlp", "proj_out"] * 2)
    places = module_places(model, ["attn", "ff"])
    keys = [key for parent, key in places.sites if parent is single]
    assert keys == ["proj_out"]


def test_attention_alone_of_a_fused_block_is_a_site_before_the_projection() -> None:
    model = FAMILIES["flux"].model()
    single = model.single_transformer_blocks[0]
    assert [k for p, k in module_places(model, ["attn"]).sites if p is single] == ["attn"]
    assert [k for p, k in module_places(model, ["ff"]).sites if p is single] == []


def test_refusals_say_what_cannot_be_known() -> None:
    family = FAMILIES["flux"]
    model = family.model()
    with pytest.raises(UnsupportedModel, match=r"'proj_mlp' of a FluxSingle.*Use store='output' or 'gated'"):
        ft.attach(model, "fora", granularity=ft.PerModule("attn", "ff", store="residual"), steps=4)
    handle = ft.attach(model, "fora", granularity=ft.PerModule("attn", store="gated"), steps=4)
    with pytest.raises(
        UnsupportedModel, match=r"single_transformer_blocks\.0\.attn returns is joined.*'cat'"
    ):
        sample(family, model, 4)
    handle.detach()
    with pytest.raises(InvalidSetting, match="store"):
        ft.PerModule("attn", store="raw")  # type: ignore[arg-type]


@pytest.mark.parametrize("store", ["output", "gated", "residual"])
def test_spelling(store: Any) -> None:
    assert parse_granularity(f"module(attn, ff):{store}") == ft.PerModule("attn", "ff", store=store)
    assert parse_granularity("module(attn,ff)") == ft.PerModule("attn", "ff")
