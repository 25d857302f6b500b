"""Calls for recording, tuning and calibration, from prompts or classes and seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from foretrace.cli.pipelines import call_arguments
from foretrace.errors import InvalidSetting, LoadError


def read_prompts(file: Path | None, prompts: list[str] | None) -> list[str]:
    """The prompts of the command line, and those of ``file``, one a line."""
    found = list(prompts or [])
    if file is not None:
        if not file.is_file():
            raise LoadError(f"there is no file {file}; expected one with a prompt a line. Check --prompts.")
        found += [line.strip() for line in file.read_text().splitlines() if line.strip()]
    return found


def build_calls(
    pipe: Any,
    prompts: list[str],
    samples: int,
    batch: int,
    steps: int | None,
    seed: int,
    extra: dict[str, Any],
) -> list[dict[str, Any]]:
    """``samples`` samples in calls of ``batch``; sample i has prompt or class i in turn and seed + i."""
    calls = []
    for start in range(0, samples, batch):
        numbers = range(start, min(samples, start + batch))
        base = call_arguments(pipe, _conditions(pipe, prompts, numbers), steps, seed, extra)
        if "prompt" in base:
            base["prompt"] = [prompts[i % len(prompts)] for i in numbers]
            if isinstance(base.get("negative_prompt"), str):
                base["negative_prompt"] = [base["negative_prompt"]] * len(base["prompt"])
        generators = [torch.Generator("cpu").manual_seed(seed + i) for i in numbers]
        calls.append(base | {"generator": generators})
    return calls


def _conditions(pipe: Any, prompts: list[str], numbers: range) -> str:
    """What `call_arguments` reads: class names split by commas, or any prompt."""
    labels = getattr(pipe, "labels", None)
    if labels is not None:
        names = prompts or list(labels) or [str(number) for number in range(4)]
        return ",".join(names[i % len(names)] for i in numbers)
    if not prompts:
        raise InvalidSetting(
            "got no prompts; expected some for this pipeline. Pass --prompts FILE, or --prompt once or more."
        )
    return prompts[numbers[0] % len(prompts)]
