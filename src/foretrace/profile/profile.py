"""The offline artefact for one model, sampler, number of steps, guidance and resolution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from foretrace.errors import InvalidSetting, ProfileMismatch
from foretrace.method import Method
from foretrace.profile.fingerprint import (
    Fingerprint,
    fingerprint_of_models,
    fingerprint_of_sampler,
    mismatches,
)

FIELDS = (
    "model",
    "config",
    "weights",
    "dtype",
    "sampler",
    "settings",
    "steps",
    "guidance",
    "resolution",
)
"""The fields of a fingerprint, each of which may be overridden."""


@dataclass(frozen=True)
class Profile:
    """A method with its priors, what it was made for, and what was measured when it was made.

    ``made_for`` is compared with what it is used on; ``allowed`` names the fields that may differ.
    ``measured`` is for people: errors, steps, seconds.
    """

    method: Method
    made_for: Fingerprint
    measured: dict[str, Any] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()

    def allowing(self, *names: str) -> Profile:
        """This profile, usable where the fields ``names`` differ from what it was made for."""
        unknown = [name for name in names if name not in FIELDS]
        if unknown:
            raise InvalidSetting(
                f"a profile has no field {', '.join(unknown)}; expected some of {', '.join(FIELDS)}. "
                "Pass those that may differ."
            )
        return replace(self, allowed=self.allowed | set(names))

    def check(self, found: Fingerprint) -> None:
        """Raise `ProfileMismatch` if ``found`` differs from ``made_for`` in a field that may not."""
        wrong = {
            name: pair
            for name, pair in mismatches(self.made_for, found).items()
            if name.split(".")[0] not in self.allowed
        }
        if wrong:
            listed = "; ".join(
                f"{name} is {theirs!r}, not {ours!r}" for name, (ours, theirs) in wrong.items()
            )
            fields = ", ".join(repr(name) for name in sorted({name.split(".")[0] for name in wrong}))
            raise ProfileMismatch(
                f"the profile was made for something else: {listed}; expected what it was made for. Make a "
                f"profile for this, or use profile.allowing({fields}) if you know that it fits."
            )

    def check_target(self, denoisers: Mapping[str, Any], scheduler: Any) -> None:
        """`check` what can be seen before sampling."""
        self.check(fingerprint_of_models(denoisers) | fingerprint_of_sampler(scheduler))

    def check_run(self, total: int | None, guidance: float | None, resolution: list[int] | None) -> None:
        """`check` what can only be seen in a run; ``None`` is what cannot be seen here."""
        seen = {"steps": total, "guidance": guidance, "resolution": resolution}
        self.check({name: value for name, value in seen.items() if value is not None})

    def save(self, path: str | Path) -> Path:
        """Write one safetensors file, whole or not at all; returns its path."""
        from foretrace.profile.file import write_profile

        return write_profile(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Profile:
        """Read a file that `save` wrote. Nothing in it is executed.

        Raises:
            LoadError: there is no such file, or it is truncated.
            ProfileError: it is no profile, or of a version that this one cannot read.
        """
        from foretrace.profile.file import read_profile

        return read_profile(Path(path))

    def push_to_hub(self, repo_id: str, *, filename: str = "profile.safetensors", **settings: Any) -> str:
        """Upload to the Hugging Face hub (creating the repository); returns the address.

        ``settings`` go to ``HfApi.upload_file`` (token, revision, commit_message, create_pr).
        """
        from foretrace.profile.hub import push

        return push(self, repo_id, filename, settings)

    @classmethod
    def from_pretrained(
        cls, source: str | Path, *, filename: str = "profile.safetensors", **settings: Any
    ) -> Profile:
        """Load from a file, a folder that holds ``filename``, or a repository of the hub.

        ``settings`` go to ``hf_hub_download`` (token, revision, cache_dir, local_files_only).
        """
        from foretrace.profile.hub import pull

        return pull(cls, source, filename, settings)

    def __str__(self) -> str:
        made = self.made_for
        model = ", ".join(made.get("model", {}).values()) or "a denoiser"
        lines = [f"profile of {model}: {self.method.predictor}, {self.method.schedule}"]
        lines.append(
            f"  made for {made.get('sampler', 'an own loop')}, {made.get('steps')} steps, guidance "
            f"{made.get('guidance')}, latents {made.get('resolution')}"
        )
        if self.method.calibrator is not None:
            size = self.method.calibrator.nbytes / 2**20
            lines.append(f"  priors   {size:.3g} MiB")
        gain = self.measured.get("gain")
        if gain:
            spread = f"{gain['low']:.2f} to {gain['high']:.2f}"
            lines.append(f"  held-out gain {gain['value']:.2f}x, 95 % interval {spread}")
        lines += [
            f"  {name}: {value}"
            for name, value in self.measured.items()
            if not isinstance(value, (dict, list))
        ]
        return "\n".join(lines)
