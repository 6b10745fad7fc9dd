"""The installer's pure parts: what is read from the lock and from pip's configuration."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from orchestration.settings import PROJECT_ROOT


@pytest.fixture(scope="module")
def install() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", PROJECT_ROOT / ".ci" / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_uv_is_installed_from_the_lock_with_its_hashes(install: ModuleType) -> None:
    entry = install.lock_entry((PROJECT_ROOT / "requirements.lock").read_text(), "uv")
    lines = entry.strip().splitlines()
    assert lines[0].startswith("uv==")
    assert sum("--hash=sha256:" in line for line in lines) > 5
    assert not any(line.startswith(tuple("abcdefghijklmnopqrst")) for line in lines)


def test_a_lock_without_a_package_says_what_to_do(install: ModuleType) -> None:
    with pytest.raises(SystemExit, match="make lock"):
        install.lock_entry("ab==1\n    --hash=x\n", "uv")


def test_the_environment_is_stronger_than_the_user_and_the_machine(install: ModuleType) -> None:
    found = [
        (":env:", "index-url", "file:///of/the/environment"),
        ("global", "extra-index-url", "file:///a file:///b"),
        ("global", "index-url", "file:///of/the/machine"),
        ("install", "find-links", "/one /two"),
    ]
    listing = "\n".join(f"{where}.{name}='{value}'" for where, name, value in found)
    assert install.uv_environment(install.pip_settings(listing)) == {
        "UV_DEFAULT_INDEX": "file:///of/the/environment",
        "UV_INDEX": "file:///a file:///b",
        "UV_FIND_LINKS": "/one,/two",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_without_settings_uv_uses_its_own(install: ModuleType) -> None:
    assert install.uv_environment(install.pip_settings("")) == {"UV_INDEX_STRATEGY": "unsafe-best-match"}


def test_the_lock_names_no_index() -> None:
    lock = Path(PROJECT_ROOT, "requirements.lock").read_text()
    assert not [line for line in lock.splitlines() if line.startswith("-")], "an option of the installer"
    assert "://" not in lock
