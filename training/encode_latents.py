"""Renders the training set once and stores its latents. Needs `vae.pt`.

    python training/encode_latents.py

Writes `latents.pt` to the work folder: posterior means and standard deviations, and class ids.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from shapes import CALM, WIDE, render_range
from shapes.dataset import TRAIN_SEED
from tqdm import tqdm
from vae_model import load_vae

HERE = Path(__file__).parent


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--count", type=int, default=60000)
    parser.add_argument("--variety", choices=["calm", "wide"], default="calm")
    parser.add_argument("--out", default="latents.pt", help="file name in the work folder")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


@torch.no_grad()
def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    vae = load_vae(args.work / "vae.pt")
    variety = CALM if args.variety == "calm" else WIDE
    began = time.time()
    means = torch.empty(args.count, 4, 16, 16, dtype=torch.float16)
    stds = torch.empty_like(means)
    labels = torch.empty(args.count, dtype=torch.int64)
    for start in tqdm(range(0, args.count, 100), mininterval=10):
        images, ids = render_range(TRAIN_SEED, start, 100, variety)
        with torch.autocast("cpu", torch.bfloat16):
            posterior = vae.encode(images).latent_dist
        part = slice(start, start + 100)
        means[part], stds[part], labels[part] = posterior.mean, posterior.std, ids
    torch.save({"mean": means, "std": stds, "labels": labels}, args.work / args.out)
    spread = (means.float().var() + stds.float().square().mean()).sqrt()
    print(
        f"{time.time() - began:.0f} s, spread of samples {spread:.3f}, "
        f"posterior std {stds.float().mean():.3f}"
    )


if __name__ == "__main__":
    main()
