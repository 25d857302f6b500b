"""Samples the exported model without any cache and asks the judge what it sees.

    python training/evaluate.py

Writes numbers (JSON) and a sheet of samples (PNG) to results.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from diffusers import DiTPipeline
from grid import save_grid
from judge import PACKAGE_DEMO, classifier_module
from sampling import generate, score
from shapes import CLASS_NAMES

HERE = Path(__file__).parent


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=PACKAGE_DEMO / "shapes-dit")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--guidance", type=float, nargs="+", default=[3.0])
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--name", default="evaluation")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    pipe = DiTPipeline.from_pretrained(args.model, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    judge = classifier_module().load_classifier()
    # Classes take turns, so that the first rows of the sheet show every class.
    labels = [i % len(CLASS_NAMES) for i in range(args.samples)]
    runs = []
    for guidance in args.guidance:
        began = time.time()
        images = generate(pipe, labels, guidance, args.steps, args.seed)
        result = {"guidance": guidance, "seconds": round(time.time() - began, 1)}
        runs.append(result | score(judge, images, labels))
        print(json.dumps(runs[-1], indent=2), flush=True)
        sheet = args.results / f"samples_guidance_{guidance:g}.png"
        save_grid(images[:84] * 2 - 1, 12, sheet)
    report = {"sampler": "DDIM", "steps": args.steps, "samples": args.samples, "seed": args.seed}
    path = args.results / f"{args.name}.json"
    path.write_text(json.dumps(report | {"runs": runs}, indent=2) + "\n")


if __name__ == "__main__":
    main()
