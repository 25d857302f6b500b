"""The public surface, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import foretrace as ft

HEAVY = ("diffusers", "transformers", "accelerate", "typer", "rich", "matplotlib", "torchvision")


def test_all_names_exist_and_nothing_else_is_promised() -> None:
    assert len(set(ft.__all__)) == len(ft.__all__)
    public = {name for name in ft.__all__ if hasattr(ft, name)}
    assert public == set(ft.__all__)
    promised = {"accelerate", "attach", "available_methods", "load_method", "citation", "reference", "Method",
                "Stride", "Counter", "Mask", "Lagrange", "Reuse", "PerStack", "PerModel"}  # fmt: skip
    assert promised <= public


def test_importing_loads_torch_and_nothing_heavy() -> None:
    code = f"import foretrace, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_parts_print_as_they_are_made() -> None:
    method = ft.Method(ft.Counter(5, 3), ft.Lagrange(2), ft.PerStack(head=1))
    assert eval(repr(method), vars(ft)) == method
