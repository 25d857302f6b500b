"""Access to the classifier that ships in the package, whether or not that is installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

PACKAGE_DEMO = Path(__file__).resolve().parent.parent / "src" / "foretrace" / "demo"


def classifier_module() -> ModuleType:
    """`foretrace/demo/classifier.py` by its path: training needs that one file only."""
    name = "shapes_classifier_module"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, PACKAGE_DEMO / "classifier.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]
