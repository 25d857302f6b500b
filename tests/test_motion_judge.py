"""The judge of videos: it sees where the object is, its colour and its way, and nothing that is not there."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from foretrace.demo.motion import MOTIONS, PALETTE, motion_names, motion_share, see, speeds, sways

FRAMES = 8


def video(colour: str, motion: str, speed: float = 3.4, ground: float = 0.1, radius: float = 9.0) -> Tensor:
    """(1, 8, 3, 64, 64): a disc on a grey ground that brightens to the right."""
    axis = torch.arange(64) + 0.5
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    dx, dy = MOTIONS[motion]
    frames = []
    for frame in range(FRAMES):
        way = speed * (frame - (FRAMES - 1) / 2)
        cover = (radius + 0.5 - torch.hypot(x - 32 - dx * way, y - 32 - dy * way)).clamp(0, 1)
        back = (ground + 0.05 * x / 64).expand(3, 64, 64)
        frames.append(back * (1 - cover) + torch.tensor(PALETTE[colour])[:, None, None] * cover)
    return torch.stack(frames)[None]


@pytest.mark.parametrize("motion", list(MOTIONS))
@pytest.mark.parametrize("colour", list(PALETTE))
def test_only_the_true_words_are_accepted(colour: str, motion: str) -> None:
    shown = video(colour, motion)
    for other in MOTIONS:
        assert motion_share(shown, [{"colour": colour, "motion": other}]) == float(other == motion)
    for other in PALETTE:
        assert motion_share(shown, [{"colour": other, "motion": motion}]) == float(other == colour)


def test_an_empty_video_and_a_jumping_one_show_nothing() -> None:
    asked = [{"colour": "red", "motion": "moving right"}]
    assert motion_share(torch.full((1, FRAMES, 3, 64, 64), 0.2), asked) == 0.0
    jumping = video("red", "moving right")[:, torch.tensor([0, 5, 1, 4, 2, 7, 3, 6])]
    assert motion_share(jumping, asked) == 0.0


@settings(deadline=None, max_examples=25)
@given(st.floats(-12, 12), st.floats(-12, 12), st.floats(6.0, 12.0))
def test_the_centre_is_that_of_the_disc(x: float, y: float, radius: float) -> None:
    still = video("blue", "standing still", radius=radius)[0, :1]
    shift = round(x), round(y)
    moved = still.clone()
    edge = still[..., 1, 1][..., None, None]  # a plain ground, since rolling carries it along
    moved[:] = torch.where((still - edge).abs().amax(1, keepdim=True) > 0.1, still, edge)
    moved = moved.roll((shift[1], shift[0]), (2, 3))
    assert torch.allclose(see(moved).centre, torch.tensor([[32.0 + shift[0], 32.0 + shift[1]]]), atol=0.2)


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=2, max_size=9))
def test_a_straight_way_has_no_sway_and_its_own_speed(ends: list[tuple[float, float]]) -> None:
    start, speed = torch.tensor(ends[0]), torch.tensor(ends[1])
    way = (start + torch.arange(FRAMES)[:, None] * speed)[None]
    assert torch.allclose(speeds(way)[0], speed, atol=1e-3)
    assert float(sways(way)) < 1e-2


def test_slow_motion_is_standing_still() -> None:
    assert motion_names(torch.tensor([[0.5, 0.0], [3.0, 0.4], [0.1, -3.0]])) == [
        "standing still",
        "moving right",
        "moving up",
    ]
