"""Warnings that diffusers' own classes raise on a CPU; the suite turns all others into errors."""

from __future__ import annotations

import pytest

EXPECTED = (
    "ignore:In CPU autocast, but the target dtype is not supported:UserWarning",  # Mochi's positions
    "ignore:flex_attention called without torch.compile:UserWarning",
    "ignore:Initializing zero-element tensors:UserWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "zoo" in item.path.parts:
            for rule in EXPECTED:
                item.add_marker(pytest.mark.filterwarnings(rule))
