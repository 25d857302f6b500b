"""Trains the judge on fresh renders and on autoencoder reconstructions. Needs `vae.pt`.

    python training/train_classifier.py

Writes the classifier into the package and its scores to results.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from augment import augment
from diffusers import AutoencoderKL
from history import History
from judge import classifier_module
from schedule import lr_factor, set_lr
from shapes import CLASS_NAMES, render_range
from shapes.dataset import HELD_OUT_SEED, JUDGE_SEED
from torch import Tensor
from tqdm import tqdm
from vae_model import load_vae

HERE = Path(__file__).parent


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=96, help="half of it reconstructions")
    parser.add_argument("--pool", type=int, default=12000, help="reconstructions made once")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


@torch.no_grad()
def reconstructions(vae: AutoencoderKL, seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Pictures 0 .. count of `seed` through the autoencoder, in [0, 1], and their class ids."""
    images, labels = [], []
    for start in tqdm(range(0, count, 100), desc="reconstructions", mininterval=10):
        batch, ids = render_range(seed, start, 100)
        with torch.autocast("cpu", torch.bfloat16):
            output = vae.decode(vae.encode(batch).latent_dist.sample()).sample
        images.append((output.float() / 2 + 0.5).clamp(0.0, 1.0).half())
        labels.append(ids)
    return torch.cat(images), torch.cat(labels)


def next_batch(
    args: argparse.Namespace, step: int, pool: tuple[Tensor, Tensor], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Half fresh renders, half drawn from the pool: ((batch, 3, 64, 64) in [0, 1], (batch,))."""
    half = args.batch // 2
    fresh, fresh_labels = render_range(JUDGE_SEED, args.pool + step * half, half)
    rows = torch.randint(len(pool[1]), (half,), generator=generator)
    images = torch.cat([fresh / 2 + 0.5, pool[0][rows].float()])
    return augment(images, generator), torch.cat([fresh_labels, pool[1][rows]])


def train(args: argparse.Namespace, model: torch.nn.Module, pool: tuple[Tensor, Tensor]) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.02, fused=True)
    generator = torch.Generator().manual_seed(args.seed)
    history = History(args.results / "classifier_loss.json")
    bar = tqdm(range(args.steps), unit="step", mininterval=10)
    total = 0.0
    for step in bar:
        set_lr(optimizer, args.lr, lr_factor(step, args.steps, warmup=100))
        images, labels = next_batch(args, step, pool, generator)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(images)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=0.03)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
        if (step + 1) % 50 == 0:
            history.add(step=step + 1, loss=total / 50)
            bar.set_postfix(loss=f"{total / 50:.4f}")
            total = 0.0
    history.plot(["loss"])


def accuracy(model: torch.nn.Module, images: Tensor, labels: Tensor) -> dict:
    """Share named right, overall and per class, of pictures in [0, 1]."""
    right = model.predict(images) == labels
    per_class = {
        name: round(right[labels == i].float().mean().item(), 4) for i, name in enumerate(CLASS_NAMES)
    }
    return {"overall": round(right.float().mean().item(), 4), "per_class": per_class}


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    began = time.time()
    vae = load_vae(args.work / "vae.pt")
    module = classifier_module()
    model = module.ShapesClassifier(list(CLASS_NAMES))
    train(args, model, reconstructions(vae, JUDGE_SEED, args.pool))
    module.save_classifier(model)
    model = module.load_classifier()  # scored as shipped: after rounding to fp16
    images, labels = render_range(HELD_OUT_SEED, 0, 3000)
    rebuilt, _ = reconstructions(vae, HELD_OUT_SEED, 3000)
    scores = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(time.time() - began),
        "renders": accuracy(model, images / 2 + 0.5, labels),
        "reconstructions": accuracy(model, rebuilt.float(), labels),
    }
    (args.results / "classifier.json").write_text(json.dumps(scores, indent=2) + "\n")
    print(json.dumps(scores, indent=2))


if __name__ == "__main__":
    main()
