"""The folder is the registry: every file under methods/ is a method, described by itself."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

import foretrace as ft
import foretrace.methods as registry
from foretrace.errors import InvalidSetting, UnknownMethod
from foretrace.gate import SenCache
from foretrace.granularity import parse_granularity
from tiny import FAMILIES, sample


def settings_of(name: str) -> set[str]:
    return set(inspect.signature(registry.recipe(name)).parameters)


def short(name: str) -> dict[str, Any]:
    """Settings under which a run of nine steps skips at least four."""
    wanted = {"interval": 3, "warmup": 2, "threshold": math.inf, "tolerance": math.inf, "early": math.inf,
              "ratios": (1.0,) * 9, "grid": (4, 4), "reuse": 9, "tail": 0.0,
              "codebook": "fast-100"}  # fmt: skip
    if name == "foresight":
        wanted["strength"] = math.inf
    return {k: v for k, v in wanted.items() if k in settings_of(name)}


def measured(method: ft.Method) -> ft.Method:
    """The method with stand-ins for what its gate has measured on a model."""
    if not isinstance(method.gate, SenCache):
        return method
    gate = dataclasses.replace(method.gate, times=(1.0,), to_input=(1.0,), to_time=(1.0,))
    return dataclasses.replace(method, gate=gate)


def loose(method: ft.Method) -> ft.Method:
    """With a gate that admits whatever it can judge, and every third step computed."""
    if method.gate is None:
        return method
    knobs = [f.name for f in dataclasses.fields(method.gate) if f.name in ("tolerance", "threshold")]
    gate = dataclasses.replace(method.gate, **dict.fromkeys(knobs, math.inf))
    return dataclasses.replace(method, gate=gate, budget=ft.Budget(longest=2))


def refused(method: ft.Method, granularity: str) -> bool:
    """Whether the method needs to look where this granularity has nothing to show."""
    kind, gate = parse_granularity(granularity), method.gate
    if method.verifier is not None and not isinstance(kind, (ft.PerBlock, ft.PerModule)):
        return True
    if gate is None or gate.probe == "none":
        return False
    return not isinstance(kind, ft.PerStack) or (gate.probe == "head" and kind.head == 0)


def test_the_files_are_the_methods() -> None:
    folder = Path(registry.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert set(ft.available_methods()) == files
    assert files >= {"fora", "tracache", "foca"}


@pytest.mark.parametrize("name", ft.available_methods())
def test_a_recipe_describes_itself(name: str) -> None:
    page = inspect.getmodule(registry.recipe(name)).__doc__
    assert re.search(r"^ {4}\S", page, re.MULTILINE), "an equation, indented"
    assert re.search(r"arXiv:\d{4}\.\d{5}|OpenReview \w+|Schmid 2010|Not a published method", page), "source"
    assert re.search(r"not\s+public|\brelease|not\s+a\s+published", page, re.IGNORECASE), (
        "what was not public and how it was read, or what the released code does"
    )
    assert re.match(r"@\w+\{.*year\s*=", ft.citation(name), re.DOTALL)
    assert ft.citation(ft.load_method(name)) == ft.citation(name)


@pytest.mark.parametrize("name", ft.available_methods())
def test_a_method_is_plain_frozen_data(name: str) -> None:
    method = ft.load_method(name)
    assert method == ft.load_method(name)
    assert method.name == name
    assert isinstance(hash(method), int)
    with pytest.raises(dataclasses.FrozenInstanceError):
        method.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", ft.available_methods())
@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda f: f.name)
@pytest.mark.parametrize(
    "granularity", ["model", "stack", "stack(1,1):residual", "block:residual", "module(attn)"]
)
def test_every_method_runs_on_every_family(name: str, family, granularity: str) -> None:
    """Skips, is finite, repeats itself, and stays within reach of the uncached run; or is refused."""
    model = family.model()
    uncached = sample(family, model, 9)
    settings = short(name)
    if "grid" in settings and family.name in ("wan", "hunyuan"):
        settings["grid"] = (2, 4, 4)
    if refused(ft.load_method(name, **settings), granularity):
        with pytest.raises(InvalidSetting, match=r"expected Per(Stack|Block)"):
            ft.attach(model, measured(ft.load_method(name, granularity=granularity, **settings)), steps=9)
        return
    method = loose(measured(ft.load_method(name, granularity=granularity, **settings)))
    with ft.accelerate(model, method, steps=9) as run:
        first = sample(family, model, 9)
        assert torch.equal(sample(family, model, 9), first)
    assert len(run.report.skipped) >= 4
    assert torch.isfinite(first).all()
    assert float((first - uncached).norm() / uncached.norm()) < 1.0


@pytest.mark.parametrize("name", ft.available_methods())
def test_interval_one_is_uncached(name: str) -> None:
    if "interval" not in settings_of(name):
        pytest.skip(f"{name} has no interval")
    family = FAMILIES["dit"]
    model = family.model()
    with ft.accelerate(model, name, interval=1, steps=8):
        cached = sample(family, model)
    assert torch.equal(cached, sample(family, model))


def test_settings_reach_the_parts() -> None:
    method = ft.load_method("tracache", interval=4, order=3, over="batch", anchor="first",
                            granularity=ft.PerModel(), history_dtype="bfloat16")  # fmt: skip
    assert method == ft.Method(
        ft.Stride(4, "first"), ft.AdaptiveLagrange(3, "batch"), ft.PerModel(), torch.bfloat16, name="tracache"
    )
    assert ft.load_method("tracache", order=3, select="fixed").predictor == ft.Lagrange(3)
    assert ft.load_method("tracache", order=3, order_means="points").predictor == ft.AdaptiveLagrange(2)
    assert ft.load_method("tracache", order=0).predictor == ft.Lagrange(0)
    assert ft.load_method("foca", history="anchors").predictor == ft.MeanSlope()
    assert ft.load_method("fora").schedule.table(50) == ft.Stride(3, "last").table(50)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model", ft.PerModel()),
        ("model:residual", ft.PerModel("residual")),
        ("stack", ft.PerStack()),
        ("stack(2)", ft.PerStack(2)),
        ("Stack(1, 2):residual", ft.PerStack(1, 2, "residual")),
        (ft.PerStack(3), ft.PerStack(3)),
        ("block", ft.PerBlock()),
        ("block:residual", ft.PerBlock("residual")),
        ("module", ft.PerModule("attn", "ff")),
        ("module(attn1, proj_*)", ft.PerModule("attn1", "proj_*")),
    ],
)
def test_granularities_have_a_short_spelling(text, expected) -> None:
    assert parse_granularity(text) == expected


def test_an_unknown_method_has_no_citation() -> None:
    with pytest.raises(UnknownMethod, match=r"foca, fora.*tracache"):
        ft.citation("nobody2024")
