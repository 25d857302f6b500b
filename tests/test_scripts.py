"""The scripts beside the package still find what they import, from the package and from their neighbours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("folder", ["benchmarks", "training"])
def test_all_import(folder: str) -> None:
    names = sorted(path.stem for path in (ROOT / folder).glob("*.py"))
    assert len(names) > 10
    code = f"import importlib\nfor name in {names}:\n    importlib.import_module(name)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_colours_and_motions_are_those_of_the_data() -> None:
    code = (
        "from shapes.catalogue import PALETTE\nfrom shapes.motion import MOTIONS\n"
        "from foretrace.demo import motion\n"
        "assert motion.PALETTE == PALETTE and motion.MOTIONS == MOTIONS"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "training", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
