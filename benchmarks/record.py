"""Results as JSON lines, each with what is needed to tell where it came from and to make it again."""

from __future__ import annotations

import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import diffusers
import torch

import foretrace

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


# Read when the code is loaded: the tree may move on while a benchmark runs.
COMMIT = _git("rev-parse", "HEAD")
SOURCE_CHANGED = bool(_git("status", "--porcelain", "--", "src", "benchmarks/*.py"))


def provenance(device: str) -> dict[str, Any]:
    """Commit, versions, device and command of this process, the same on every line it writes."""
    return {
        "commit": COMMIT,
        "source_changed": SOURCE_CHANGED,
        "foretrace": foretrace.__version__,
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "python": platform.python_version(),
        "device": device,
        "command": command(),
    }


def command() -> str:
    """The command line from the repository root, without the machine's own paths."""
    return shlex.join(["python", *(_local(argument) for argument in sys.argv)])


def cpu_name() -> str:
    """The processor as the system names it, and the threads torch uses."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    threads = torch.get_num_threads()
    return f"{name or platform.processor() or platform.machine()}, {threads} thread{'s' * (threads > 1)}"


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]], device: str) -> None:
    """Write ``rows`` to ``path``, replacing it: a results file is what one command wrote."""
    origin = provenance(device)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({**row, **origin}) + "\n" for row in rows))
    print(f"wrote {_local(str(path))}")


def replace_lines(path: Path, rows: Iterable[Mapping[str, Any]], device: str, key: Sequence[str]) -> None:
    """Write ``rows`` in the places of those lines of ``path`` that agree in ``key``; other lines stay.

    Every line says by itself which commit and command it is of.
    """
    origin = provenance(device)
    new = {tuple(row.get(name) for name in key): {**row, **origin} for row in rows}
    old = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [new.pop(tuple(line.get(name) for name in key), line) for line in old]
    path.write_text("".join(json.dumps(line) + "\n" for line in [*lines, *new.values()]))
    print(f"replaced lines of {_local(str(path))}")


def _local(argument: str) -> str:
    path = Path(argument)
    if not path.exists() and not path.is_absolute():
        return argument
    absolute = path.resolve()
    return str(absolute.relative_to(ROOT)) if absolute.is_relative_to(ROOT) else path.name
