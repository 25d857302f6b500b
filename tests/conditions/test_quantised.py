"""Linear layers of other classes: integer weights by torch, torchao, bitsandbytes and by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import foretrace as ft
from conditions.common import SITES, check_laws, flux, same, skipping

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.ao.quantization is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:torch.*quantize.*:UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torchao.*"),
]


class Int8Linear(nn.Module):
    """Weights of eight bits with a scale per row, as weight-only quantisation keeps them."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        scale = linear.weight.detach().abs().amax(1, keepdim=True) / 127
        self.register_buffer("scale", scale)
        self.register_buffer("weight", (linear.weight.detach() / scale).round().to(torch.int8))
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight.to(x.dtype) * self.scale.to(x.dtype), self.bias)


def weight_only(model: nn.Module) -> None:
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:
                setattr(parent, name, Int8Linear(child))


def dynamic(model: nn.Module) -> None:
    torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8, inplace=True)


def torchao(model: nn.Module) -> None:
    """Weights become tensors of a class of torchao's own."""
    quantization = pytest.importorskip("torchao.quantization")
    quantization.quantize_(model, quantization.Int8WeightOnlyConfig())


def bitsandbytes(model: nn.Module) -> None:
    """Weights of four bits in blocks, whose statistics lie beside them."""
    bnb = pytest.importorskip("bitsandbytes").nn
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:
                sizes = child.in_features, child.out_features, child.bias is not None
                layer = bnb.Linear4bit(*sizes, compute_dtype=torch.float32, quant_type="nf4")
                weight = child.weight.detach().clone()
                layer.weight = bnb.Params4bit(weight, requires_grad=False, quant_type="nf4", module=layer)
                layer.bias = child.bias
                setattr(parent, name, layer.to("cpu"))


@pytest.mark.parametrize("way", [weight_only, dynamic, torchao, bitsandbytes], ids=lambda f: f.__name__)
@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_quantised_before_attaching(granularity: ft.Granularity, way: Any) -> None:
    pipe, call = flux()
    plain = call()
    way(pipe.transformer)
    assert not same(call(), plain)
    check_laws(pipe, call, granularity)


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_macs_of_integer_weights_are_those_of_floating_ones(granularity: ft.Granularity) -> None:
    pipe, call = flux()
    counts = []
    for quantise in (lambda _: None, weight_only):
        quantise(pipe.transformer)
        with ft.accelerate(pipe, skipping(granularity)) as run:
            call()
        counts.append((run.report.macs, run.report.macs_full))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("granularity", SITES, ids=str)
def test_quantised_while_attached(granularity: ft.Granularity) -> None:
    """Layers below the blocks may be exchanged between runs."""
    pipe, call = flux()
    expected, expected_call = flux()
    weight_only(expected.transformer)
    with ft.accelerate(expected, skipping(granularity)):
        reference = expected_call()
    with ft.accelerate(pipe, skipping(granularity)):
        call()
        weight_only(pipe.transformer)
        assert same(call(), reference)
    assert same(call(), expected_call())
