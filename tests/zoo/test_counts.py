"""The count without data is that of a real run, also of models that branch on lengths, masks and experts."""

from __future__ import annotations

import pytest
import torch

import foretrace as ft
from foretrace.macs import flop_counter, macs_so_far
from foretrace.runtime.invocation import Invocation
from foretrace.runtime.log import example_of
from zoo import CASES
from zoo.laws import build
from zoo.refusals import NOT_COUNTED

FLEX = {"AnyFlowFARTransformer3DModel", "Kandinsky6SRTransformer3DModel", "WanAnimate2Transformer3DModel"}
"""Flex attention is no operation that torch's counter can see in a run; all pairs are counted without one."""


@pytest.mark.parametrize("name", [name for name in CASES if name not in FLEX | NOT_COUNTED.keys()])
@torch.no_grad()
def test_a_count_is_that_of_a_run(name: str) -> None:
    model, call = build(name), CASES[name].call(0.5)
    example = example_of(Invocation(model, (), call))
    counted = ft.count_call(model, example.args, example.kwargs).computed
    with flop_counter() as counter:
        model(**call)
    assert counted == macs_so_far(counter)
    assert counted.linear > 0
