"""Samples shapes-video without any cache and judges its videos, beside as many drawn ones.

    python training/evaluate_video.py

Writes to results: shares of what is right; how the background and the way of the object drift over the
frames; the Frechet distance of single frames to drawn ones, in the features of the judge of described
pictures; the same of other drawn videos; and a sheet. Needs foretrace.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from grid import save_grid
from motion_judge import motion_score
from shapes.dataset import HELD_OUT_SEED
from shapes.motion import FRAMES, render_motion
from torch import Tensor
from vae_model import load_vae
from video_sampling import held_out

from foretrace.bench.quality.distribution import frechet, gaussian_of
from foretrace.demo.attributes import AttributeJudge, load_judge
from foretrace.demo.references import reference_folder
from foretrace.demo.tasks import load_task

HERE = Path(__file__).parent
ON_SHEET = 12  # videos


def features(judge: AttributeJudge, videos: Tensor) -> Tensor:
    """Of every frame, one row each."""
    with torch.no_grad():
        return torch.cat([judge.features(part) for part in videos.flatten(0, 1).split(64)])


@torch.no_grad()
def through(vae: torch.nn.Module, videos: Tensor) -> Tensor:
    """Drawn videos as the autoencoder gives them back, which is the best that a sampler can do."""
    parts = [vae.decode(vae.encode(x).latent_dist.mean).sample for x in videos.flatten(0, 1).split(64)]
    return torch.cat(parts).unflatten(0, videos.shape[:2]).clamp(-1, 1) / 2 + 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--drawn", type=int, default=400, help="videos that frames are compared with")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    task, began = load_task("shapes-video"), time.time()
    judge = load_judge(reference_folder("shapes-judge", "config.json"))
    parts = [
        task.draw(task.arguments(range(start, min(args.count, start + args.batch)), args.seed, task.steps))
        for start in range(0, args.count, args.batch)
    ]
    videos, descriptions = torch.cat(parts), held_out(args.count)
    assert [one.caption for one in descriptions[:3]] == [one["caption"] for one in task.asked[:3]]
    seconds = time.time() - began
    vae = load_vae(args.work / "vae_described.pt")
    drawn, drawn_as = render_motion(HELD_OUT_SEED, 0, args.count)
    far = through(vae, render_motion(HELD_OUT_SEED, 10_000, args.drawn)[0])
    ground = gaussian_of(features(judge, far))
    best = through(vae, drawn)
    report = {"sampler": task.sampler, "videos": args.count, "frames": FRAMES, "seed": args.seed}
    for name, one, told in (("sampled", videos, descriptions), ("drawn", best, drawn_as)):
        scores = motion_score(one, told) | {
            "frame_frechet": frechet(gaussian_of(features(judge, one)), ground)
        }
        report[name] = {key: round(value, 4) for key, value in scores.items()}
    report["seconds"] = round(seconds, 1)
    path = args.results / "shapes_video_evaluation.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    save_grid(videos[:ON_SHEET].flatten(0, 1) * 2 - 1, FRAMES, path.with_name("shapes_video_samples.png"))
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
