"""Judges videos of one moving object against their sentences.

    python training/motion_judge.py

reports how often it is right about held-out videos as they were drawn and through the autoencoder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from motion_find import COLOURS, SHAPES, SIZES, Found, find, motion_module
from shapes.captions import GROUNDS, TONES
from shapes.dataset import HELD_OUT_SEED
from shapes.motion import FRAMES, MotionDescription, render_motion
from torch import Tensor
from vae_model import load_vae

HERE = Path(__file__).parent
CLEAR_MISS = 0.35  # relative squared distance from the nearest drawn cover; above, it is no shape
LIGHT = 0.5  # mean brightness of a background
FLAT = 0.052  # length of a plain background's line of colours; the autoencoder alone makes 0.02
STRAIGHT = 0.5  # share of a gradient's spread that a plane over the picture tells


def grounds(found: Found) -> Tensor:
    """The row of `GROUNDS` for each picture: how its background's place on the colour line goes over x, y."""
    axis = torch.linspace(-1, 1, found.background.shape[1])
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    plane = torch.stack([torch.ones_like(x), x, y], dim=2).flatten(0, 1)
    seen = (found.cover.flatten(1) == 0).float()[..., None]
    places = found.background.flatten(1)[..., None]
    normal = plane.T @ (seen * plane)
    fit = plane @ torch.linalg.solve(normal, plane.T @ (seen * places))
    mean = (seen * places).sum(1, keepdim=True) / seen.sum(1, keepdim=True)
    left = (seen * (places - fit).square()).sum((1, 2)) / (seen * (places - mean).square()).sum((1, 2))
    spread = (found.ends[:, 1] - found.ends[:, 0]).norm(dim=1)
    names = {name: row for row, name in enumerate(GROUNDS)}
    uneven = torch.where(left < 1 - STRAIGHT, names["gradient"], names["stripes"])
    return torch.where(spread < FLAT, names["plain"], uneven)


def steadiness(videos: Tensor, found: Found) -> tuple[Tensor, Tensor]:
    """How a video drifts: RMS change of the background between frames, and of the way off a straight line.

    Two of (videos,): in units of colour over pixels that no object covers in either frame, and in pixels.
    """
    near = F.max_pool2d(found.cover[:, None], 5, stride=1, padding=2)[:, 0]  # soft edges are no background
    free = (near == 0).float().unflatten(0, videos.shape[:2])
    both = (free[:, 1:] * free[:, :-1])[:, :, None]
    change = (both * videos.diff(dim=1).square()).sum((1, 2, 3, 4)) / (3 * both.sum((1, 2, 3, 4)))
    return change.sqrt(), motion_module().sways(found.centre.unflatten(0, videos.shape[:2]))


def judge(videos: Tensor, descriptions: list[MotionDescription]) -> dict[str, Tensor]:
    """What is right about (videos, frames, 3, 64, 64) in [0, 1], by attribute.

    Those of the thing and the ground are (videos, frames), `motion` and the drifts (videos,).
    """
    found = find(videos.flatten(0, 1))
    shape = videos.shape[:2]

    def rows(values: tuple[str, ...], words: list[str]) -> Tensor:
        return torch.tensor([values.index(word) for word in words])[:, None]

    things = [one.thing for one in descriptions]
    there = (found.there & (found.miss < CLEAR_MISS)).view(shape)
    light = found.ends.mean((1, 2)) > LIGHT
    pictures = [one.picture for one in descriptions]
    right = {
        "there": there,
        "size": found.size.view(shape) == rows(tuple(SIZES), [thing.size for thing in things]),
        "colour": found.colour.view(shape) == rows(COLOURS, [thing.colour for thing in things]),
        "shape": found.shape.view(shape) == rows(SHAPES, [thing.shape for thing in things]),
        "tone": light.long().view(shape) == rows(TONES, [one.tone for one in pictures]),
        "ground": grounds(found).view(shape) == rows(tuple(GROUNDS), [one.ground for one in pictures]),
    }
    module = motion_module()
    told = module.motion_names(module.speeds(found.centre.view(*shape, 2)))
    same = torch.tensor([name == one.motion for name, one in zip(told, descriptions, strict=True)])
    change, sway = steadiness(videos, found)
    moved = same & there.all(1) & (sway < module.MOST_SWAY)
    return right | {"motion": moved, "change": change, "sway": sway}


def motion_score(videos: Tensor, descriptions: list[MotionDescription]) -> dict[str, float]:
    """Shares of frames (the thing and the ground) and of videos (`motion`, `kept`, `all`), and the drifts.

    `kept`: the thing asked for in each frame. `all`: that, and its motion.
    """
    right = judge(videos, descriptions)
    kept = torch.stack([right[name] for name in ("there", "size", "colour", "shape")]).all(0).all(1)
    right |= {"kept": kept, "all": kept & right["motion"]}
    return {name: float(value.float().mean()) for name, value in right.items()}


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--vae", default="vae_described.pt")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    vae = load_vae(args.work / args.vae)
    videos, descriptions = render_motion(HELD_OUT_SEED, 0, args.count)
    shape = (args.count, FRAMES)
    decoded = [
        vae.decode(vae.encode(part).latent_dist.mean).sample for part in videos.flatten(0, 1).split(64)
    ]
    through = torch.cat(decoded).unflatten(0, shape).clamp(-1, 1)
    for name, pictures in (("drawn", videos), ("through the autoencoder", through)):
        scores = motion_score(pictures / 2 + 0.5, descriptions)
        print(f"{name}: " + ", ".join(f"{key} {value:.4f}" for key, value in scores.items()))


if __name__ == "__main__":
    main()
