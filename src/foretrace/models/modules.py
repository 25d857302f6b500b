"""Where the modules inside the blocks of a denoiser are, by role or by attribute name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from torch import nn

from foretrace.errors import UnsupportedModel
from foretrace.models.stacks import find_stacks

Place = tuple[nn.Module, str]
"""A module's parent, and its name there."""

ROLES = {
    "attn": re.compile(
        r"((self|cross|audio|audio_to_video|video_to_audio|va_cross|av_cross)_)?(attn|attention)(\d+|_\w+)?|mhba"
    ),
    "ff": re.compile(r"((img|txt|audio)_)?(ff|ffn|mlp|feed_forward)(\d+|_\w+)?|transition|DenseReluDense"),
}
"""How models name what plays a role in their blocks."""


class Fused(NamedTuple):
    """A block in which the modules of some roles end in one common projection.

    ``site``: the attribute of that projection. ``feeders``: those of the modules that work for it alone, and
    have nothing to do where its output is known; modules of the ``roles`` in the block belong to them. The
    block is taken so if all ``roles`` are asked for.
    """

    site: str
    feeders: tuple[str, ...]
    roles: frozenset[str]


FUSED = (
    # FLUX's single blocks and those copied from them: attention beside the first half of the feed-forward
    Fused("proj_out", ("proj_mlp",), frozenset({"attn", "ff"})),
    # a feed-forward written out in the block: PRX, MiniMax-Music
    Fused("down_proj", ("gate_proj", "up_proj"), frozenset({"ff"})),
    Fused("ff_out", ("ff_in",), frozenset({"ff"})),
)


class Places(NamedTuple):
    """Modules that are sites, and modules that a skipped call passes over since they only work for those."""

    sites: list[Place]
    feeders: list[Place]


def block_places(denoiser: nn.Module) -> list[Place]:
    """All transformer blocks, in order of definition."""
    return [(blocks, key) for blocks in find_stacks(denoiser).values() for key in blocks._modules]


def first_attention(denoiser: nn.Module) -> list[Place]:
    """The attention modules of the first block, by definition."""
    blocks, key = block_places(denoiser)[0]
    block = blocks._modules[key]
    assert block is not None
    places = Places([], [])
    _collect(block, ("attn",), places)
    if not places.sites:
        raise UnsupportedModel(
            f"{type(denoiser).__name__} has no attention in its first block that foretrace can see; "
            "expected one, to read the modulated input from. Use a gate with another probe, such as "
            "error_estimate."
        )
    return places.sites


def module_places(denoiser: nn.Module, names: Sequence[str]) -> Places:
    """The modules of these names inside the blocks; nothing below a found one is looked at.

    Raises:
        UnsupportedModel: no block has a module of one of the names.
    """
    places, missing = Places([], []), set(names)
    for blocks, key in block_places(denoiser):
        block = blocks._modules[key]
        assert block is not None
        missing -= _collect(block, names, places)
    if missing:
        raise UnsupportedModel(
            f"{type(denoiser).__name__} has no module {sorted(missing)[0]!r} in its blocks; expected one of "
            f"{', '.join(_children(denoiser))}. Pass these names to PerModule, or use PerStack()."
        )
    return places


def role_places(denoiser: nn.Module) -> list[Place]:
    """All modules inside the blocks that play a role, be there any or none."""
    places = Places([], [])
    for blocks, key in block_places(denoiser):
        block = blocks._modules[key]
        assert block is not None
        _collect(block, tuple(ROLES), places)
    return [*places.sites, *places.feeders]


def _collect(module: nn.Module, names: Sequence[str], places: Places) -> set[str]:
    """Add the modules below ``module`` to ``places``; returns the names that were found."""
    fused, found = _fused(module, names), set()
    for attribute, child in module.named_children():
        name = next((name for name in names if _plays(attribute, name) and _has_weights(child)), None)
        if fused and attribute == fused.site:
            places.sites.append((module, attribute))
            found |= fused.roles
        elif fused and (attribute in fused.feeders or name in fused.roles):
            places.feeders.append((module, attribute))
        elif name is not None:
            places.sites.append((module, attribute))
        else:
            found |= _collect(child, names, places)
        if name is not None:
            found.add(name)
    return found


def _fused(module: nn.Module, names: Sequence[str]) -> Fused | None:
    """How the roles among ``names`` end in one projection of ``module``, if they do."""
    children = {name for name, child in module.named_children() if _has_weights(child)}
    fitting = (f for f in FUSED if f.roles <= set(names) and {f.site, *f.feeders} <= children)
    return next(fitting, None)


def _has_weights(module: nn.Module) -> bool:
    """Whether it is more than an activation; quantised layers of torch pack theirs, out of sight."""
    if next(module.parameters(), None) is not None or next(module.buffers(), None) is not None:
        return True
    return any(hasattr(part, "_packed_params") for part in module.modules())


def _plays(attribute: str, name: str) -> bool:
    if name in ROLES:
        return "norm" not in attribute and ROLES[name].fullmatch(attribute) is not None
    return fnmatchcase(attribute, name)


def _children(denoiser: nn.Module) -> list[str]:
    """The names of the direct children of all blocks that hold parameters."""
    found: dict[str, None] = {}
    for blocks, key in block_places(denoiser):
        for name, child in blocks._modules[key].named_children():  # type: ignore[union-attr]
            if next(child.parameters(), None) is not None:
                found[name] = None
    return list(found)


def check_uncompiled(denoiser: nn.Module) -> None:
    """Raise if the modules inside the blocks cannot be seen, because the blocks are compiled."""
    for blocks, key in block_places(denoiser):
        block = blocks._modules[key]
        if getattr(block, "_compiled_call_impl", None) is not None or hasattr(block, "_orig_mod"):
            raise UnsupportedModel(
                f"{type(denoiser).__name__} has compiled blocks, whose modules cannot be seen; expected "
                "uncompiled ones. Use PerBlock() or PerStack(), which leave compiled blocks whole, and a "
                "gate that looks at none of their modules."
            )
