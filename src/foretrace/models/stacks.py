"""Where the transformer blocks of a denoiser are, found by the model's own declarations and its shape."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from foretrace.errors import UnsupportedModel
from foretrace.models.spec import find_spec


def find_stacks(denoiser: nn.Module) -> dict[str, nn.ModuleList]:
    """The block lists of ``denoiser`` by name, in order of definition.

    In this order: the names in the family's spec; the lists whose elements belong to the classes the
    model itself declares as repeated (``_repeated_blocks``, else ``_no_split_modules``); the lists right
    below the model with two or more parametrised elements of one class called ``...Block`` or ``...Layer``.
    """
    spec = find_spec(denoiser)
    if spec.no_stack:
        raise UnsupportedModel(
            f"{type(denoiser).__name__} has no stack of transformer blocks: {spec.no_stack}; expected a "
            "transformer. Use granularity=PerModel()."
        )
    if spec.stacks:
        return {name: denoiser.get_submodule(name) for name in spec.stacks}  # type: ignore[misc]
    lists = dict(_block_lists(denoiser, ""))
    for declaration in ("_repeated_blocks", "_no_split_modules"):
        declared = set(getattr(denoiser, declaration, None) or ())
        found = {n: m for n, m in lists.items() if _classes(m) <= declared}
        if found:
            return found
    found = {n: m for n, m in lists.items() if "." not in n and _looks_repeated(m)}
    if not found:
        raise UnsupportedModel(
            f"{type(denoiser).__name__} has no stack of transformer blocks that foretrace can see; "
            f"expected an nn.ModuleList of blocks among its children ({', '.join(lists) or 'no list'}). "
            "Use granularity=PerModel(), which needs none, or add a ModelSpec with stacks=(...)."
        )
    return found


def _block_lists(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.ModuleList]]:
    """All module lists that are not themselves inside another one."""
    for name, child in module.named_children():
        path = f"{prefix}{name}"
        if isinstance(child, nn.ModuleList):
            if len(child):
                yield path, child
        else:
            yield from _block_lists(child, f"{path}.")


def _classes(blocks: nn.ModuleList) -> set[str]:
    return {type(block).__name__ for block in blocks}


def _looks_repeated(blocks: nn.ModuleList) -> bool:
    names = _classes(blocks)
    return (
        len(blocks) >= 2
        and len(names) == 1
        and next(iter(names)).endswith(("Block", "Layer"))
        and all(next(block.parameters(), None) is not None for block in blocks)
    )
