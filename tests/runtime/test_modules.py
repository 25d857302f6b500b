"""Sites inside the blocks: FORA and TaylorSeer as their releases wrote them, and what cannot be a site."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import foretrace as ft
from foretrace.errors import NonFinite, UnsupportedModel
from foretrace.models import module_places
from tiny import FAMILIES, sample

DIT = FAMILIES["dit"]
FORA = {"interval": 3, "anchor": "first", "granularity": ft.PerModule("attn", "ff")}


class HandWritten(nn.Module):
    """DiT whose blocks keep what attention and feed-forward return, before the gates, as FORA's release."""

    def __init__(self, model: nn.Module, interval: int) -> None:
        super().__init__()
        self.model, self.interval = model, interval
        self.kept: dict[tuple[int, str], Tensor] = {}
        self.calls = 0

    def part(self, key: tuple[int, str], fresh: bool, module: nn.Module, x: Tensor) -> Tensor:
        if fresh:
            self.kept[key] = module(x)
        return self.kept[key]

    def forward(self, hidden_states: Tensor, timestep: Tensor, class_labels: Tensor, **_: Any) -> Any:
        fresh = self.calls % self.interval == 0
        self.calls += 1
        model = self.model
        height, width = (size // model.patch_size for size in hidden_states.shape[-2:])
        x = model.pos_embed(hidden_states)
        for i, block in enumerate(model.transformer_blocks):
            normed, gate, shift, scale, gate_ff = block.norm1(x, timestep, class_labels, hidden_dtype=x.dtype)
            x = gate.unsqueeze(1) * self.part((i, "attn"), fresh, block.attn1, normed) + x
            normed = block.norm3(x) * (1 + scale[:, None]) + shift[:, None]
            x = gate_ff.unsqueeze(1) * self.part((i, "ff"), fresh, block.ff, normed) + x
        first = model.transformer_blocks[0].norm1.emb(timestep, class_labels, hidden_dtype=x.dtype)
        shift, scale = model.proj_out_1(torch.nn.functional.silu(first)).chunk(2, dim=1)
        x = model.proj_out_2(model.norm_out(x) * (1 + scale[:, None]) + shift[:, None])
        patch, channels = model.patch_size, model.out_channels
        x = x.reshape(-1, height, width, patch, patch, channels)
        x = torch.einsum("nhwpqc->nchpwq", x)
        return (x.reshape(-1, channels, height * patch, width * patch),)


@torch.no_grad()
def test_fora_at_modules_is_the_hand_written_one_bit_for_bit() -> None:
    model = DIT.model()
    expected = sample(DIT, HandWritten(model, 3), 8)
    with ft.accelerate(model, "fora", **FORA) as run:
        got = sample(DIT, model, 8)
    assert torch.equal(got, expected)
    assert not torch.equal(got, sample(DIT, model, 8))
    assert run.report.skipped == [1, 2, 4, 5, 7]


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda f: f.name)
def test_blocks_forecast_alike_are_their_stack(family) -> None:
    """All blocks' residuals, forecast by one linear rule, add up to the forecast of the stack's."""
    model, images = family.model(), []
    for granularity in (ft.PerStack(store="residual"), ft.PerBlock(store="residual")):
        method = ft.Method(ft.Stride(3, "first"), ft.Lagrange(1), granularity)
        with ft.accelerate(model, method):
            images.append(sample(family, model, 8))
    torch.testing.assert_close(images[1], images[0], rtol=1e-4, atol=1e-4)


def test_roles_and_names() -> None:
    wan, flux = FAMILIES["wan"].model(), FAMILIES["flux"].model()
    assert {key for _, key in module_places(wan, ["attn"]).sites} == {"attn1", "attn2"}
    assert {key for _, key in module_places(wan, ["attn2"]).sites} == {"attn2"}
    assert {key for _, key in module_places(wan, ["ff"]).sites} == {"ffn"}
    assert {key for _, key in module_places(flux, ["ff", "proj_*"]).sites} == {
        "ff", "ff_context", "proj_mlp", "proj_out",
    }  # fmt: skip
    assert not any("norm" in key for _, key in module_places(flux, ["attn", "ff"]).sites)


def test_a_name_that_no_block_has_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match=r"no module 'attn3'.*norm1, attn1, .*ff.*PerModule"):
        ft.attach(DIT.model(), "fora", **{**FORA, "granularity": ft.PerModule("attn", "attn3")})


def test_modules_of_compiled_blocks_are_refused() -> None:
    model = DIT.model()
    for block in model.transformer_blocks:
        block.compile(backend="eager")
    with pytest.raises(UnsupportedModel, match=r"compiled blocks.*PerBlock"):
        ft.attach(model, "fora", **FORA)
    with ft.accelerate(model, "fora", **{**FORA, "granularity": ft.PerBlock()}):
        sample(DIT, model, 4)


def test_the_macs_are_those_of_the_skipped_modules() -> None:
    """Norms and modulation stay: a skipped step costs more than with the stack, less than a computed one."""
    spent = {}
    for granularity in ("stack", "block", "module(attn,ff)", "module(ff)"):
        model = DIT.model()
        with ft.accelerate(model, "fora", **{**FORA, "granularity": granularity}) as run:
            sample(DIT, model, 6)
        spent[granularity] = run.report.macs / run.report.macs_full
    assert spent["stack"] == spent["block"] < spent["module(attn,ff)"] < spent["module(ff)"] < 1


def test_the_site_of_a_feature_that_is_not_finite_is_named() -> None:
    model = DIT.model()
    model.transformer_blocks[1].ff.net[2].bias.fill_(float("nan"))
    with pytest.raises(NonFinite, match=r"\(transformer_blocks\.1\.ff\) computed at step 0"):
        with ft.accelerate(model, "fora", on_nonfinite="stop", **FORA):
            sample(DIT, model, 4)
