"""A few scalars on their way from the device to the host, awaited only when they are read."""

from __future__ import annotations

import torch
from torch import Tensor


class HostCopy:
    """A small tensor copied to the host without blocking; `rows` waits for it if it must."""

    def __init__(self, values: Tensor) -> None:
        self._arrived: torch.cuda.Event | None = None
        self._rows: list[list[float]] | None = None
        if values.device.type == "cuda":
            self._values = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            self._values.copy_(values, non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record()
        else:
            self._values = values

    @property
    def arrived(self) -> bool:
        """Whether `rows` would return without waiting."""
        return self._rows is not None or self._arrived is None or self._arrived.query()

    def rows(self) -> list[list[float]]:
        """The values as nested lists of floats, shape (rows, columns)."""
        if self._rows is None:
            if self._arrived is not None:
                self._arrived.synchronize()
            self._rows = self._values.tolist()
        return self._rows
