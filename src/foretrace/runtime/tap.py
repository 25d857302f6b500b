"""The only file that changes foreign modules: taps in place of blocks, a new entry to the denoiser.

Nothing is patched on a class and no ``forward`` is assigned. A block is replaced in its parent by a `Tap`
and put back on removal. The denoiser itself, which the user holds and so cannot be replaced, gets an
instance attribute ``_call_impl``, which torch looks up at every call, and which is deleted again. It lies
above ``forward``, since offloading and casting hooks wrap and unwrap that one at any time.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from foretrace.errors import AttachError, UnsupportedModel
from foretrace.runtime.invocation import Invocation

BlockHandler = Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], Any]
_OWN = frozenset({"_inner", "_switch"})
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

    def run(self, handler: BlockHandler, call: Invocation) -> Any:
        """Run ``call`` while every tapped module goes to ``handler``."""
        self.handler = handler
        try:
            return call.run()
        finally:
            self.handler = None


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

    def register_forward_hook(self, *args: Any, **kwargs: Any) -> Any:
        """Hooks belong to the block: they fire when it runs, and stay when the tap goes."""
        return self._inner.register_forward_hook(*args, **kwargs)

    def register_forward_pre_hook(self, *args: Any, **kwargs: Any) -> Any:
        """As `register_forward_hook`."""
        return self._inner.register_forward_pre_hook(*args, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A copied denoiser is not attached: it gets the block."""
        return copy.deepcopy(self._inner, memo)

    def __reduce__(self) -> Any:
        """As copying."""
        return _same, (self._inner,)

    def __delattr__(self, name: str) -> None:
        delattr(self._inner, name)

    @property
    def forward(self) -> Any:  # type: ignore[override]
        """The block's own: hooks that wrap and replace it belong to the block, and stay when the tap goes."""
        return self._inner.forward

    def compile(self, *args: Any, **kwargs: Any) -> Any:
        """Compiling is for the block."""
        return self._inner.compile(*args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the block, or what the switch says."""
        handler = self._switch.handler
        if handler is None:
            return self._inner(*args, **kwargs)
        return handler(self._inner, args, kwargs)


class Entry:
    """How the denoiser is called while attached: hands the call to ``handle``."""

    def __init__(self, denoiser: nn.Module, handle: Callable[[Invocation], Any]) -> None:
        # updated=(): a wrapper that another library put around an older entry carries that one's attributes
        functools.update_wrapper(self, denoiser.forward, updated=())
        self.original = denoiser._call_impl
        self.handle: Callable[[Invocation], Any] | None = handle

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Hand the call on."""
        if self.handle is None:  # detached, but somebody wrapped us meanwhile and still calls us
            return self.original(*args, **kwargs)
        return self.handle(Invocation(self.original, args, kwargs))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A copied denoiser is not attached: it gets its own plain ``forward``."""
        return copy.deepcopy(self.original, memo)

    def __reduce__(self) -> Any:
        """As copying."""
        return _same, (self.original,)


def _same(x: Any) -> Any:
    return x


def entry_of(denoiser: nn.Module) -> Entry | None:
    """The working entry on ``denoiser``, if it is attached, also below wrappers of other libraries."""
    found = denoiser.__dict__.get("_call_impl")
    while found is not None and not (isinstance(found, Entry) and found.handle is not None):
        found = getattr(found, "__wrapped__", None)
    return found


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


def install_entry(denoiser: nn.Module, handle: Callable[[Invocation], Any]) -> Callable[[], None]:
    """Route calls of ``denoiser`` to ``handle``; returns the undo."""
    had = "_call_impl" in denoiser.__dict__
    entry = Entry(denoiser, handle)
    denoiser.__dict__["_call_impl"] = entry

    def undo() -> None:
        entry.handle = None
        if denoiser.__dict__.get("_call_impl") is entry:
            if had:
                denoiser.__dict__["_call_impl"] = entry.original
            else:
                del denoiser.__dict__["_call_impl"]

    return undo


def install_taps(places: Sequence[tuple[nn.Module, str]], switch: Switch) -> Callable[[], None]:
    """Replace the child of this name of every parent by a tap; returns the undo."""
    for parent, key in places:
        child = parent._modules[key]
        assert child is not None
        parent._modules[key] = Tap(child, switch)

    def undo() -> None:
        # Looked up, not remembered: a list that lost or moved blocks meanwhile has other keys
        for parent in dict.fromkeys(parent for parent, _ in places):
            for key, tap in list(parent._modules.items()):
                if isinstance(tap, Tap) and tap.__dict__["_switch"] is switch:
                    parent._modules[key] = tap.__dict__["_inner"]

    return undo


def inner_at(parent: nn.Module, key: str) -> nn.Module:
    """The module that is called ``key`` in ``parent``, below a tap."""
    child = parent._modules[key]
    assert child is not None
    return child.__dict__["_inner"] if isinstance(child, Tap) else child


class PassingTaps:
    """Taps that are there while a call runs and at no other time.

    A single layer is what adapters (LoRA) look for by its class and replace in its parent. Between calls they
    find it, and the next call taps what they left in its place.
    """

    def __init__(self, places: Sequence[tuple[nn.Module, str]], switch: Switch) -> None:
        self.places, self.switch = places, switch
        self._taps: dict[tuple[nn.Module, str], Tap] = {}

    def __enter__(self) -> None:
        for place in self.places:
            child = inner_at(*place)
            tap = self._taps.get(place)
            if tap is None or tap.__dict__["_inner"] is not child:
                tap = self._taps[place] = Tap(child, self.switch)
            place[0]._modules[place[1]] = tap

    def __exit__(self, *_: object) -> None:
        for (parent, key), tap in self._taps.items():
            if parent._modules.get(key) is tap:
                parent._modules[key] = tap.__dict__["_inner"]
