"""Trains the judge of described pictures on renders and on reconstructions. Needs `vae_described.pt`.

    python training/train_judge.py

Writes the judge to `references/shapes-judge/` and its curve and scores to results.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from augment import _blur
from described_judge import JUDGE_FOLDER, attributes_module, facts
from diffusers import AutoencoderKL
from history import History
from schedule import lr_factor, set_lr
from shapes.captions import COLOURS, GROUNDS, SHAPES, SIZES, TONES, Description
from shapes.dataset import HELD_OUT_SEED, JUDGE_SEED
from shapes.described import render_described
from torch import Tensor
from tqdm import tqdm
from vae_model import load_vae

HERE = Path(__file__).parent
WORDS = {"size": SIZES, "colour": COLOURS, "shape": SHAPES, "tone": TONES, "ground": GROUNDS}
ABSENT = -100  # what cross entropy passes over: no thing at this place
Pictures = tuple[Tensor, list[Description]]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--folder", type=Path, default=JUDGE_FOLDER)
    parser.add_argument("--vae", default="vae_described.pt")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--fresh", type=int, default=16, help="of a batch; the others are reconstructions")
    parser.add_argument("--pool", type=int, default=10000, help="reconstructions made once")
    parser.add_argument("--held-out", type=int, default=3000)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


@torch.no_grad()
def reconstructions(vae: AutoencoderKL, seed: int, count: int, noise: float = 0.0) -> Pictures:
    """Pictures 0 .. count of `seed` through the autoencoder, in [0, 1], and their sentences.

    `noise` is the most noise, of latents with unit spread, that is added between the two halves of the
    autoencoder: a sampler misses the latent a little, and the facts outlast that.
    """
    images, descriptions = [], []
    for start in tqdm(range(0, count, 100), desc="reconstructions", mininterval=10):
        batch, told = render_described(seed, start, min(100, count - start))
        with torch.autocast("cpu", torch.bfloat16):
            latents = vae.encode(batch).latent_dist.sample()
            strength = noise * torch.rand(len(batch), 1, 1, 1)
            output = vae.decode(latents + strength * torch.randn(latents.shape)).sample
        images.append((output.float() / 2 + 0.5).clamp(0.0, 1.0).half())
        descriptions += told
    return torch.cat(images), descriptions


def damage(images: Tensor, generator: torch.Generator) -> Tensor:
    """Moves, blurs, adds noise and shifts tones of (batch, 3, 64, 64) pictures in [0, 1].

    Every sentence stays true: there are no mirror images, the moves are short and the tones shift by less
    than what lies between two colour names.
    """
    dx, dy = torch.randint(0, 3, (2,), generator=generator).tolist()
    images = F.pad(images, (1, 1, 1, 1), mode="replicate")[..., dy : dy + 64, dx : dx + 64].clone()
    for odds in (0.4, 0.25):
        rows = _some(len(images), odds, generator)
        images[rows] = _blur(images[rows])
    rows = _some(len(images), 0.4, generator)
    strength = 0.06 * torch.rand(len(rows), 1, 1, 1, generator=generator)
    images[rows] += strength * torch.randn(images[rows].shape, generator=generator)
    rows = _some(len(images), 0.5, generator)
    gain = 0.9 + 0.2 * torch.rand(len(rows), 1, 1, 1, generator=generator)
    shift = 0.06 * (torch.rand(len(rows), 3, 1, 1, generator=generator) - 0.5)
    images[rows] = (images[rows] - 0.5) * gain + 0.5 + shift
    return images.clamp(0.0, 1.0)


def _some(count: int, odds: float, generator: torch.Generator) -> Tensor:
    """Rows of a batch of `count`, each with odds `odds`."""
    return (torch.rand(count, generator=generator) < odds).nonzero().flatten()


def targets(model: torch.nn.Module, descriptions: list[Description]) -> dict[str, Tensor]:
    """What the judge should read: (n,) for layout, tone and ground, (n, 5) for the things' attributes."""
    module = attributes_module()
    rows: dict[str, list] = {name: [] for name in (*module.SCENE, *module.THING)}
    for description in descriptions:
        told = facts(description)
        for name in module.SCENE:
            rows[name].append(model.options[name].index(told[name]))
        at = dict(zip(module.LAYOUTS[told["layout"]], told["things"], strict=True))
        for i, name in enumerate(module.THING):
            words = model.options[name]
            rows[name].append([words.index(at[p][i]) if p in at else ABSENT for p in module.PLACES])
    return {name: torch.tensor(values) for name, values in rows.items()}


def next_batch(args: argparse.Namespace, step: int, pool: Pictures, generator: torch.Generator) -> Pictures:
    """Fresh renders, and others drawn from the pool: (batch, 3, 64, 64) in [0, 1] and the sentences."""
    fresh, told = render_described(JUDGE_SEED, args.pool + step * args.fresh, args.fresh)
    rows = torch.randint(len(pool[1]), (args.batch - args.fresh,), generator=generator)
    images = torch.cat([fresh / 2 + 0.5, pool[0][rows].float()])
    return damage(images, generator), told + [pool[1][row] for row in rows.tolist()]


def loss_of(model: torch.nn.Module, images: Tensor, descriptions: list[Description]) -> Tensor:
    """Sum over the attributes of the mean cross entropy."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(images)
    wanted = targets(model, descriptions)
    losses = [
        F.cross_entropy(logits[name].float().flatten(0, -2), wanted[name].flatten(), label_smoothing=0.02)
        for name in wanted
    ]
    return torch.stack(losses).sum()


def train(args: argparse.Namespace, model: torch.nn.Module, pool: Pictures) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.02, fused=True)
    generator = torch.Generator().manual_seed(args.seed)
    history = History(args.results / "judge_loss.json")
    bar = tqdm(range(args.steps), unit="step", mininterval=10)
    total = 0.0
    for step in bar:
        set_lr(optimizer, args.lr, lr_factor(step, args.steps, warmup=100))
        loss = loss_of(model, *next_batch(args, step, pool, generator))
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


def score(model: torch.nn.Module, images: Tensor, descriptions: list[Description]) -> dict[str, float]:
    """Shares that the judge reads right, of pictures in [0, 1] that are as their sentences say."""
    wanted = [facts(description) for description in descriptions]
    found = attributes_module().shares(model.read(images), wanted)
    return {name: round(value, 4) for name, value in found.items()}


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    began = time.time()
    vae = load_vae(args.work / args.vae)
    module = attributes_module()
    model = module.AttributeJudge({name: list(words) for name, words in WORDS.items()})
    train(args, model, reconstructions(vae, JUDGE_SEED, args.pool, noise=0.2))
    module.save_judge(model, args.folder)
    model = module.load_judge(args.folder)  # scored as stored: after rounding to fp16
    images, told = render_described(HELD_OUT_SEED, 0, args.held_out)
    rebuilt, _ = reconstructions(vae, HELD_OUT_SEED, args.held_out)
    scores = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(time.time() - began),
        "renders": score(model, images / 2 + 0.5, told),
        "reconstructions": score(model, rebuilt.float(), told),
    }
    (args.results / "judge.json").write_text(json.dumps(scores, indent=2) + "\n")
    print(json.dumps(scores, indent=2))


if __name__ == "__main__":
    main()
