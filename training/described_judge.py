"""How much of its sentence each picture shows, as the attribute judge sees it."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from judge import PACKAGE_DEMO
from shapes.captions import Description
from torch import Tensor

JUDGE_FOLDER = PACKAGE_DEMO.parents[2] / "references" / "shapes-judge"
LAYOUTS = {("middle",): "alone", ("left", "right"): "across", ("top", "bottom"): "upright"}
"""Places, slot A first -> layout."""


def package_module(name: str) -> ModuleType:
    """`foretrace/demo/<name>.py` by its path: training needs that file and what it imports only.

    Empty packages stand in for the real ones, whose `__init__` would need foretrace installed.
    """
    for parent, folder in (("foretrace_files", PACKAGE_DEMO.parent), ("foretrace_files.demo", PACKAGE_DEMO)):
        if parent not in sys.modules:
            package = ModuleType(parent)
            package.__path__ = [str(folder)]
            sys.modules[parent] = package
    return importlib.import_module(f"foretrace_files.demo.{name}")


def attributes_module() -> ModuleType:
    """`foretrace/demo/attributes.py`."""
    return package_module("attributes")


def facts(description: Description) -> dict[str, Any]:
    """A sentence as the judge's plain data: things by place (left or top first), not as told."""
    order = [place for places in LAYOUTS for place in places]
    things = sorted(description.things, key=lambda thing: order.index(thing.place))
    return {
        "layout": LAYOUTS[tuple(thing.place for thing in things)],
        "things": tuple((thing.size, thing.colour, thing.shape) for thing in things),
        "tone": description.tone,
        "ground": description.ground,
    }


def described_score(images: Tensor, descriptions: list[Description]) -> dict[str, float]:
    """Shares of `images`, (n, 3, 64, 64) in [0, 1], that show what their sentences say.

    The keys are those of `shares` in attributes.py. Empty while there is no trained judge: a denoiser
    may be in training beside it.
    """
    if not (JUDGE_FOLDER / "model.safetensors").is_file():
        return {}
    module = attributes_module()
    readings = module.load_judge(JUDGE_FOLDER).read(images.float().cpu())
    wanted = [facts(description) for description in descriptions]
    return {name: round(value, 4) for name, value in module.shares(readings, wanted).items()}
