"""True-size models with random weights on a GPU: computed and skipped steps beside other libraries' caches.

Every architecture in bf16, with eager blocks, compiled ones, and compiled ones with CUDA graphs; the uncached
model runs in every round, in an order that rotates, and ratios are of runs of the same round. Random weights
tell speed and memory, never quality; a cache that would decide by features is told which steps to compute.
``--tiny`` runs all of it on tiny configurations on the CPU.
"""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("CACHE_DIT_LOG_LEVEL", "ERROR")

import torch
from gpu_arms import ARMS, UNCACHED, Arm
from gpu_lines import as_text, line_of
from gpu_models import ARCHITECTURES, Architecture, Loop
from gpu_runs import Found, compiler_of, examine, release, start, time_rounds
from record import RESULTS, cpu_name, write_lines

MODES = ("eager", "compiled", "graphs")
NO_CUDA = (
    "got no CUDA device; expected one, since these models are of their true size. Run it on a machine with a "
    "GPU, or pass --tiny to run tiny models on the CPU."
)
NO_GRAPHS = "CUDA graphs need a CUDA device"


def measure(
    which: Architecture, modes: Sequence[str], arms: Sequence[Arm], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """All lines of one architecture."""
    device = torch.device("cpu" if options.tiny else "cuda")
    dtype = getattr(torch, options.dtype)
    steps = options.steps or which.steps
    gc.collect()
    gc.freeze()  # what is there now is not looked at before each run
    model = which.build(options.tiny, device, dtype)
    loop = Loop(which, options.tiny, device, dtype, steps)
    about = {
        "architecture": which.name, "tiny": options.tiny, "dtype": str(dtype), "rounds": options.rounds,
        "latent": list(loop.noise.shape), "parameters": sum(p.numel() for p in model.parameters()),
    }  # fmt: skip
    examined = start(arms, model, steps, compiler_of("eager", options.backend))
    for found in examined:
        found.attempt(lambda found=found: examine(found, loop, examined[0]))
        found.worker = None
        release()
    lines = []
    for mode in modes:
        print(f"{which.name}, {mode}")
        for line in _mode(mode, examined, model, loop, options):
            print(f"  {as_text(line)}")
            lines.append(about | {"mode": mode} | line)
    return lines


def _mode(
    mode: str, examined: Sequence[Found], model: torch.nn.Module, loop: Loop, options: argparse.Namespace
) -> list[dict[str, Any]]:
    arms = [found.arm for found in examined]
    if mode == "graphs" and options.tiny:
        return [{"arm": a.label, "kind": a.kind, "status": "not run", "reason": NO_GRAPHS} for a in arms]
    torch.compiler.reset()
    torch._dynamo.config.recompile_limit = 64  # arms share code, and one must not use up the limit of others
    founds = start(arms, model, loop.steps, compiler_of(mode, options.backend))
    time_rounds(founds, loop, options.rounds)
    return [line_of(*pair, founds[0]) for pair in zip(founds, examined, strict=True)]


def parse_args(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="tiny models on the CPU, to try the code")
    parser.add_argument("--models", nargs="+", choices=ARCHITECTURES, default=list(ARCHITECTURES))
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--arms", nargs="+", choices=sorted({a.name for a in ARMS}), help="default: all")
    parser.add_argument("--steps", type=int, help="default: 50, and 20 of PixArt-alpha")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backend", help="of torch.compile; default: inductor, and eager with --tiny")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), help="default: bfloat16, float32 if tiny")
    parser.add_argument("--out", type=Path, help="default: results/gpu.jsonl, and none with --tiny")
    options = parser.parse_args(words)
    options.backend = options.backend or ("eager" if options.tiny else "inductor")
    options.dtype = options.dtype or ("float32" if options.tiny else "bfloat16")
    options.out = options.out or (None if options.tiny else RESULTS / "gpu.jsonl")
    if not options.tiny and not torch.cuda.is_available():
        parser.error(NO_CUDA)
    return options


def main(words: Sequence[str] | None = None) -> None:
    options = parse_args(words)
    arms = [arm for arm in ARMS if arm is UNCACHED or options.arms is None or arm.name in options.arms]
    device = cpu_name() if options.tiny else torch.cuda.get_device_name()
    lines: list[dict[str, Any]] = []
    for name in options.models:
        try:
            lines += measure(ARCHITECTURES[name], options.modes, arms, options)
        except torch.OutOfMemoryError as error:  # too large for this device: the others go on
            reason = f"OutOfMemoryError: {str(error).splitlines()[0]}"
            lines.append({"architecture": name, "status": "failed", "reason": reason})
            print(f"{name}: {reason}")
        release()
        if options.out is not None:  # as far as it is: a session on a GPU may end
            write_lines(options.out, lines, device)


if __name__ == "__main__":
    main()
