"""Profiles from files, folders and the hub, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

import foretrace as ft
from foretrace.errors import LoadError, ProfileError
from profiles.test_file import assert_same, priors, profile


class Api:
    """Keeps what is uploaded."""

    def __init__(self, log: list[tuple[str, Any]], token: str | None = None) -> None:
        self.log = log
        log.append(("token", token))

    def create_repo(self, repo_id: str, **how: Any) -> None:
        self.log.append((repo_id, how))

    def upload_file(self, *, path_or_fileobj: Path, path_in_repo: str, repo_id: str, **how: Any) -> str:
        self.log.append((path_in_repo, (Path(path_or_fileobj).read_bytes(), repo_id, how)))
        return f"https://hub/{repo_id}/{path_in_repo}"


def test_what_is_pushed_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[tuple[str, Any]] = []
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda token=None: Api(log, token))
    made = profile(priors())
    address = made.push_to_hub("me/profile", filename="dit.safetensors", token="secret", revision="r1")
    assert address == "https://hub/me/profile/dit.safetensors"
    assert log[:2] == [("token", "secret"), ("me/profile", {"exist_ok": True})]
    name, (data, repository, how) = log[2]
    assert (name, repository, how) == ("dit.safetensors", "me/profile", {"revision": "r1"})
    (tmp_path / "down.safetensors").write_bytes(data)
    assert_same(ft.Profile.load(tmp_path / "down.safetensors"), made)


def test_files_folders_and_repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = profile(priors())
    path = made.save(tmp_path / "profile.safetensors")
    other = made.save(tmp_path / "other.safetensors")
    assert_same(ft.Profile.from_pretrained(path), made)
    assert_same(ft.Profile.from_pretrained(str(tmp_path)), made)
    path.unlink()
    assert_same(ft.Profile.from_pretrained(tmp_path, filename="other.safetensors"), made)
    with pytest.raises(LoadError, match=f"no profile at {path}"):
        ft.Profile.from_pretrained(tmp_path)
    asked = []

    def download(repo_id: str, filename: str, **how: Any) -> str:
        asked.append((repo_id, filename, how))
        return str(other)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert_same(ft.Profile.from_pretrained("me/profile", revision="r1"), made)
    assert asked == [("me/profile", "profile.safetensors", {"revision": "r1"})]
    other.write_bytes(other.read_bytes()[:50])
    with pytest.raises(LoadError, match=f"{other} cannot be read"):
        ft.Profile.from_pretrained("me/profile")


@pytest.mark.parametrize("source", ["nobody/nothing", "./no/such/folder", "no such id!"])
def test_what_is_nowhere_is_told_by_name(source: str, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=rf"no profile at '{source}'.*folder with profile\.safetensors"):
        ft.Profile.from_pretrained(source, local_files_only=True, cache_dir=tmp_path)


def test_a_file_of_something_else_stays_a_profile_error(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({}, tmp_path / "profile.safetensors")
    with pytest.raises(ProfileError, match="no profile"):
        ft.Profile.from_pretrained(tmp_path)
