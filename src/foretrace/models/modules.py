"""Where the modules inside the blocks of a denoiser are, by role or by attribute name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from torch import nn

from foretrace.errors import UnsupportedModel
from foretrace.models.stacks import find_stacks

Place = tuple[nn.Module, str]
"""A module's parent, and its name there."""

ROLES = {
    "attn": re.compile(r"(self_|cross_)?(attn|attention)(\d+|_\w+)?"),
    "ff": re.compile(r"(img_|txt_)?(ff|ffn|mlp|feed_forward)(\d+|_\w+)?"),
}
"""How models name what plays a role in their blocks."""


def block_places(denoiser: nn.Module) -> list[Place]:
    """All transformer blocks, in order of definition."""
    return [(blocks, key) for blocks in find_stacks(denoiser).values() for key in blocks._modules]


def first_attention(denoiser: nn.Module) -> list[Place]:
    """The attention modules of the first block, by definition."""
    blocks, key = block_places(denoiser)[0]
    block = blocks._modules[key]
    assert block is not None
    places = [(parent, attribute) for parent, attribute, _ in _matches(block, ("attn",))]
    if not places:
        raise UnsupportedModel(
            f"{type(denoiser).__name__} has no attention in its first block that foretrace can see; "
            f"expected one, "
            "to read the modulated input from. Use a gate with another probe, such as error_estimate."
        )
    return places


def module_places(denoiser: nn.Module, names: Sequence[str]) -> list[Place]:
    """The modules of these names inside the blocks; nothing below a found one is looked at.

    Raises:
        UnsupportedModel: no block has a module of one of the names.
    """
    places, missing = [], set(names)
    for blocks, key in block_places(denoiser):
        block = blocks._modules[key]
        assert block is not None
        for parent, attribute, name in _matches(block, names):
            places.append((parent, attribute))
            missing.discard(name)
    if missing:
        raise UnsupportedModel(
            f"{type(denoiser).__name__} has no module {sorted(missing)[0]!r} in its blocks; expected one of "
            f"{', '.join(_children(denoiser))}. Pass these names to PerModule, or use PerStack()."
        )
    return places


def _matches(module: nn.Module, names: Sequence[str]) -> Iterator[tuple[nn.Module, str, str]]:
    for attribute, child in module.named_children():
        name = next((name for name in names if _plays(attribute, name)), None)
        if name is not None and _has_weights(child):
            yield module, attribute, name
        else:
            yield from _matches(child, names)


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
                "gate "
                "that looks at none of their modules."
            )
