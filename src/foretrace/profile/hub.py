"""Profiles on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretrace.errors import LoadError

if TYPE_CHECKING:
    from foretrace.profile.profile import Profile


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise LoadError(
            "huggingface_hub is not installed; expected it for profiles on the hub. Run "
            "pip install huggingface_hub."
        ) from error
    return huggingface_hub


def push(profile: Profile, repo_id: str, filename: str, settings: dict[str, Any]) -> str:
    """See `Profile.push_to_hub`."""
    import tempfile

    hub = _hub()
    api = hub.HfApi(token=settings.pop("token", None))
    api.create_repo(repo_id, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path = profile.save(Path(folder) / filename)
        info = api.upload_file(path_or_fileobj=path, path_in_repo=filename, repo_id=repo_id, **settings)
    return str(info)


def pull(cls: type[Profile], source: str | Path, filename: str, settings: dict[str, Any]) -> Profile:
    """See `Profile.from_pretrained`."""
    path = Path(source)
    if path.is_file():
        return cls.load(path)
    if path.is_dir():
        return cls.load(path / filename)
    hub = _hub()
    try:
        return cls.load(hub.hf_hub_download(str(source), filename, **settings))
    except (hub.errors.HfHubHTTPError, hub.errors.HFValidationError, OSError) as error:
        if isinstance(error, LoadError):
            raise
        raise LoadError(
            f"no profile at {str(source)!r} ({error}); expected a file, a folder with {filename}, or a "
            "repository of the hub that holds it. Check the name."
        ) from error
