"""Where numbers come from: the machine, the setting, and the provenance that is written beside them."""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from foretrace.bench.spec import Spec
from foretrace.offline.calls import Call, argument
from foretrace.offline.calls import digest as call_digest
from foretrace.profile.fingerprint import fingerprint_of_models, fingerprint_of_sampler
from foretrace.runtime.guard import GUIDANCE
from foretrace.runtime.target import find_target

PACKAGES = ("foretrace", "torch", "diffusers", "transformers", "torchmetrics", "cache-dit", "numpy")


def digest(data: Any) -> str:
    """The same for the same plain data, also in another process."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()[:16]


def machine(device: str) -> dict[str, Any]:
    """What seconds depend on. Its digest is all of the host's name that a row holds."""
    found: dict[str, Any] = {
        "host": digest(platform.node()),
        "cpu": cpu_name(),
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "torch": torch.__version__,
        "device": device,
    }
    if device.startswith("cuda"):
        found["device"] = torch.cuda.get_device_name(device)
    return found


@cache
def cpu_name() -> str:
    """The processor as the system names it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return name or platform.processor() or platform.machine()


def setting(pipe: Any, calls: Sequence[Call], spec: Spec, network: str) -> dict[str, Any]:
    """What quality depends on beside the row: model, sampler, calls, and what samples are compared with."""
    return {
        **fingerprint_of_models(find_target(pipe).denoisers),
        **fingerprint_of_sampler(pipe.scheduler),
        "steps": usual_steps(pipe, calls),
        "calls": [call_digest(call) for call in calls],
        "reference": spec.reference,
        "network": network,
    }


def usual_steps(pipe: Any, calls: Sequence[Call]) -> int:
    """The number of steps of the uncached run."""
    return int(argument(pipe, calls[0], "num_inference_steps"))


def provenance(pipe: Any, calls: Sequence[Call], spec: Spec, network: str) -> dict[str, Any]:
    """What every row of this bench has in ``about``."""
    device = str(getattr(pipe, "device", "cpu"))
    dtypes = fingerprint_of_models(find_target(pipe).denoisers)["dtype"]
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        **source(),
        "versions": {"python": platform.python_version(), **_versions()},
        "machine": machine(device),
        "dtype": next(iter(dtypes.values())),
        "pipeline": type(pipe).__name__,
        "sampler": type(pipe.scheduler).__name__,
        "uncached_steps": usual_steps(pipe, calls),
        "guidance": argument(pipe, calls[0], *GUIDANCE),
        "batch": spec.batch,
        "rounds": spec.rounds,
        "seeds": [spec.seed, spec.seed + spec.samples - 1],
        "prompts": len(spec.prompts),
        "reference": spec.reference,
        "network": network,
        "command": shlex.join([Path(sys.argv[0]).name, *map(_local, sys.argv[1:])]),
    }


def source() -> dict[str, Any]:
    """The commit this code runs from, and whether it was changed since; empty outside of a checkout."""
    commit = _git("rev-parse", "HEAD")
    if not commit:
        return {}
    return {"commit": commit, "source_changed": bool(_git("status", "--porcelain", "--", "."))}


@cache  # read once: the tree may move on while a bench runs
def _git(*arguments: str) -> str:
    folder = Path(__file__).parents[1]
    if "site-packages" in folder.parts:
        return ""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _versions() -> Mapping[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _local(argument: str) -> str:
    """An argument without the machine's own folders."""
    return Path(argument).name if Path(argument).is_absolute() else argument
