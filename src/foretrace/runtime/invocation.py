"""One call of a denoiser, before it is known whether anything of it will run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from foretrace.runtime.packing import fresh_containers


class Invocation(NamedTuple):
    """What was called, and with what."""

    forward: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def run(self) -> Any:
        """What the call returns where nothing is skipped."""
        return self.forward(*self.args, **self.kwargs)

    def fresh(self) -> Invocation:
        """The same call with containers of its own: models may take things out of what they are given."""
        return self._replace(kwargs=fresh_containers(self.kwargs))
