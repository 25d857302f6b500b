"""The only file that changes foreign modules: taps in place of blocks, a new entry to the denoiser.

Nothing is patched on a class and no ``forward`` of a child is assigned. A block is replaced in its
parent by a `Tap` and put back on removal; the denoiser itself, which the user holds and so cannot
be replaced, gets an instance attribute ``forward`` that is deleted again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import nn

from foretrace.errors import AttachError, UnsupportedModel

BlockHandler = Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], Any]
_OWN = frozenset({"forward", "_inner", "_switch"})
# These dictionaries are the block's own, so that state-dict keys, .to(), LoRA and hooks on saving see
# through the tap. Forward hooks stay with the block alone, or they would run twice.
_SHARED = (
    "_parameters",
    "_buffers",
    "_modules",
    "_non_persistent_buffers_set",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


class Switch:
    """Tells all taps of one denoiser what to do with the current call; ``None`` means: run the block."""

    __slots__ = ("handler",)

    def __init__(self) -> None:
        self.handler: BlockHandler | None = None


class Tap(nn.Module):
    """Stands in for ``inner``; looks like it in every respect but its class."""

    def __init__(self, inner: nn.Module, switch: Switch) -> None:
        super().__init__()
        own = self.__dict__
        for name in _SHARED:
            own[name] = inner.__dict__[name]
        own.pop("training")
        own["_inner"], own["_switch"] = inner, switch

    def __getattr__(self, name: str) -> Any:
        if "_inner" not in self.__dict__:  # while being built or copied
            raise AttributeError(name)
        return getattr(self.__dict__["_inner"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if "_inner" in self.__dict__ and name not in _OWN:
            setattr(self.__dict__["_inner"], name, value)
        else:
            super().__setattr__(name, value)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the block, or what the switch says."""
        handler = self._switch.handler
        if handler is None:
            return self._inner(*args, **kwargs)
        return handler(self._inner, args, kwargs)


class Entry:
    """The denoiser's ``forward`` while attached: hands the call to ``handle(original, args, kwargs)``."""

    def __init__(self, denoiser: nn.Module, handle: Callable[..., Any]) -> None:
        self.original = denoiser.forward
        self.handle: Callable[..., Any] | None = handle
        functools.update_wrapper(self, self.original)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Hand the call on."""
        if self.handle is None:  # detached, but somebody wrapped us meanwhile and still calls us
            return self.original(*args, **kwargs)
        return self.handle(self.original, args, kwargs)


def entry_of(denoiser: nn.Module) -> Entry | None:
    """The entry that is installed on ``denoiser``, if it is attached."""
    found = denoiser.__dict__.get("forward")
    return found if isinstance(found, Entry) else None


def original_forward(denoiser: nn.Module) -> Callable[..., Any]:
    """The denoiser's own ``forward``, attached or not."""
    entry = entry_of(denoiser)
    return denoiser.forward if entry is None else entry.original


def check_attachable(denoiser: nn.Module) -> None:
    """Raise if ``denoiser`` is attached already, or compiled as a whole."""
    name = type(denoiser).__name__
    if entry_of(denoiser) is not None:
        raise AttachError(
            f"{name} is attached already; expected a free denoiser. Call detach() on its handle, or leave "
            "the with block, first."
        )
    if getattr(denoiser, "_compiled_call_impl", None) is not None or hasattr(denoiser, "_orig_mod"):
        raise UnsupportedModel(
            f"{name} is compiled as a whole, so no call to it can be seen; expected an uncompiled root. "
            "Compile its blocks instead: transformer.compile_repeated_blocks(fullgraph=True)."
        )


def install_entry(denoiser: nn.Module, handle: Callable[..., Any]) -> Callable[[], None]:
    """Route calls of ``denoiser`` to ``handle``; returns the undo."""
    had = "forward" in denoiser.__dict__
    entry = Entry(denoiser, handle)
    denoiser.__dict__["forward"] = entry

    def undo() -> None:
        entry.handle = None
        if denoiser.__dict__.get("forward") is entry:
            if had:
                denoiser.__dict__["forward"] = entry.original
            else:
                del denoiser.__dict__["forward"]

    return undo


def install_taps(stacks: dict[str, nn.ModuleList], switch: Switch) -> Callable[[], None]:
    """Replace every block of the lists by a tap; returns the undo."""
    placed = []
    for blocks in stacks.values():
        for key, block in list(blocks._modules.items()):
            assert block is not None
            tap = Tap(block, switch)
            blocks._modules[key] = tap
            placed.append((blocks, key, tap, block))

    def undo() -> None:
        for blocks, key, tap, block in placed:
            if blocks._modules.get(key) is tap:
                blocks._modules[key] = block

    return undo
