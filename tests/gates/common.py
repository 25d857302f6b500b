"""Gates whose decisions a test knows beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import foretrace as ft
from foretrace.gate import Signal


@dataclass(frozen=True)
class Planned(ft.Gate):
    """Admits the steps of a list, whatever it sees."""

    admitted: tuple[int, ...] = ()

    def init(self) -> None:
        return None

    def admits(self, state: None, signal: Signal) -> tuple[bool, None]:
        return signal.step.index in self.admitted, None


@dataclass(frozen=True)
class Lottery(ft.Gate):
    """Every sample draws its own steps from its own first noise: batch mates decide differently."""

    def init(self) -> int | None:
        return None

    def admits(self, state: int | None, signal: Signal) -> tuple[bool, int | None]:
        assert state is not None
        return bool((state >> (signal.step.index % 8)) & 1), state

    def computed(self, state: int | None, signal: Signal) -> int | None:
        return int(signal.latent.abs().sum() * 1000) if state is None else state


def gated(gate: ft.Gate, granularity: Any = None, predictor: Any = None, **rest: Any) -> ft.Method:
    return ft.Method(
        ft.Window(), predictor or ft.Lagrange(1), granularity or ft.PerModel(), gate=gate, **rest
    )
