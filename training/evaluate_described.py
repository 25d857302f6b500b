"""Samples a described reference model without any cache and asks the judge what it sees.

    python training/evaluate_described.py shapes-t2i

Writes scores of all held-out sentences (JSON) and a sheet of samples (PNG) to results. Needs foretrace.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from grid import save_grid

from foretrace.demo.attributes import load_judge, shares
from foretrace.demo.references import reference_folder
from foretrace.demo.tasks import facts_of, load_task

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=["shapes-t2i", "shapes-flow"])
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    task, began, parts = load_task(args.model), time.time(), []
    for start in range(0, args.samples, args.batch):
        numbers = range(start, min(args.samples, start + args.batch))
        parts.append(task.pipe(**task.arguments(numbers, args.seed), output_type="pt").images)
    images = torch.cat(parts)
    judge = load_judge(reference_folder("shapes-judge", "config.json"))
    wanted = [facts_of(task.asked[i % len(task.asked)]) for i in range(args.samples)]
    scores = {name: round(value, 4) for name, value in shares(judge.read(images), wanted).items()}
    call = {name: value for name, value in task.call.items() if isinstance(value, (int, float))}
    report = {"sampler": task.sampler, **call, "samples": args.samples, "seed": args.seed}
    report |= {"seconds": round(time.time() - began, 1), **scores}
    path = args.results / f"{args.model.replace('-', '_')}_evaluation.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    save_grid(images[:84] * 2 - 1, 12, path.with_name(f"{args.model.replace('-', '_')}_samples.png"))
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
