"""What a block makes of a module's output until it adds it to its stream.

A block multiplies what a module returns with a gate, perhaps after a norm, and adds the product to its
stream. The product exists in no module. So the output is handed on as a `Followed` tensor, which runs every
operation on the plain tensor, hands the result on as followed, and ends at the addition of a tensor of its
own shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from torch import Tensor

Added = Callable[[Tensor], Tensor]
"""Sees what is about to be added to the stream, and gives what is added instead (or the same)."""

ADDITIONS = frozenset({"add", "__add__", "__radd__", "add_", "__iadd__"})
WRITING = frozenset({"add_", "__iadd__"})
KEPT = frozenset(
    "mul __mul__ __rmul__ div true_divide __truediv__ neg __neg__ tanh pow __pow__ square mean rsqrt sqrt "
    "clamp clip nan_to_num clone contiguous to type type_as float half bfloat16 double "
    "__getitem__ chunk split split_with_sizes unbind narrow select reshape view view_as flatten unflatten "
    "permute transpose movedim swapaxes unsqueeze squeeze expand expand_as __get__ "
    "dropout layer_norm rms_norm group_norm cat concat stack".split()
)
"""Operations through which an output is still that module's own: gates, norms, casts, cuts and shapes."""


class Unfollowed(Exception):
    """An output was lost sight of. No `TypeError`: Python takes one of an operator for "not implemented"."""


class Origin(NamedTuple):
    """Whose output a followed tensor is: the module's path, and what happens at its addition.

    ``added`` is ``None`` for a module that is no site; it is followed to tell its output from the stream.
    """

    path: str
    added: Added | None


class Followed(Tensor):
    """A tensor that knows whose output it is; see the module's docstring."""

    plain: Tensor
    origin: Origin

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run ``func`` on plain tensors and follow what comes out."""
        kwargs = kwargs or {}
        name = func.__name__
        followed = list(_followed((*args, *kwargs.values())))
        if name in ADDITIONS and len(args) == 2 and not kwargs and all(isinstance(x, Tensor) for x in args):
            if len(followed) == 1 and args[0].shape == args[1].shape:
                return _add(func, name, args, followed[0].origin)
        result = func(*map(plain, args), **{key: plain(x) for key, x in kwargs.items()})
        if result is not None and not _has_tensor(result):
            return result  # a shape, a size, a dtype
        origins = list(dict.fromkeys(x.origin for x in followed))
        own = [origin for origin in origins if origin.added is not None]
        if not own:
            return follow(result, origins[0]) if len(origins) == 1 and name in KEPT else result
        joined = len(origins) > 1 or (name in ("cat", "concat", "stack") and not _all_followed(args[0]))
        if joined or (name not in KEPT and name not in ADDITIONS):
            raise _lost(own[0], name, joined)
        return follow(result, own[0])


def follow(value: Any, origin: Origin) -> Any:
    """``value`` with its tensors followed; the plain ones stay reachable."""
    if isinstance(value, (tuple, list)):
        return type(value)(follow(x, origin) for x in value)  # of split, chunk, unbind
    if not isinstance(value, Tensor):
        return value
    followed = value.as_subclass(Followed)
    followed.plain, followed.origin = value, origin
    return followed


def plain(value: Any) -> Any:
    """``value`` without anything followed, one list or tuple deep."""
    if isinstance(value, Followed):
        return value.plain
    if type(value) in (list, tuple):
        return type(value)(x.plain if isinstance(x, Followed) else x for x in value)
    return value


def _add(func: Any, name: str, args: tuple[Tensor, Tensor], origin: Origin) -> Tensor:
    """The addition to the stream, at which following ends."""
    if origin.added is None:
        return func(*map(plain, args))
    if not isinstance(args[0], Followed):
        return func(args[0], origin.added(plain(args[1])))
    added = origin.added(plain(args[0]))
    if name in WRITING:  # what is kept must not be written to
        return (added + args[1]).to(added.dtype)
    return func(added, args[1])


def _followed(values: Any) -> Iterator[Followed]:
    for value in values:
        if isinstance(value, Followed):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from (x for x in value if isinstance(x, Followed))


def _all_followed(values: Any) -> bool:
    return all(isinstance(x, Followed) for x in values)


def _has_tensor(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return any(map(_has_tensor, value))
    return isinstance(value, Tensor)


def _lost(origin: Origin, operation: str, joined: bool) -> Unfollowed:
    what = "is joined with what another one returns" if joined else "goes on"
    return Unfollowed(f"what {origin.path} returns {what} in {operation!r} before it is added to the stream")
