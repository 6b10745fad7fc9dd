"""Install requirements.lock and the project into the virtual environment that runs this file.

uv does it in seconds where pip takes minutes, but uv does not read pip's configuration, and a
company's index is usually set there: it is passed on. Where uv fails, pip does the same by itself.
A stamp of the lock's hash makes the second call free. Nothing but the standard library here.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
STAMP = Path(sys.prefix) / "stature-installed"
UV = Path(sys.prefix) / "bin" / "uv"
# What every run would pay for. None needs it, so none of them may fail the installation.
AHEAD = (ROOT / ".ci" / "class_archive.py", ROOT / ".ci" / "read_dbt.py")
# Sections of pip's configuration, the weakest first.
SECTIONS = ("global", "install", ":env:")


def stamp() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in (LOCK, ROOT / "pyproject.toml", Path(__file__), *AHEAD):
        digest.update(path.read_bytes())
    digest.update(str(ROOT).encode())  # the project is installed in place: a moved folder starts again
    return digest.hexdigest()


def lock_entry(lock: str, package: str) -> str:
    """The lines of one package in the lock, with its version and hashes."""
    match = re.search(rf"^{re.escape(package)}==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    if match is None:
        raise SystemExit(f"{LOCK.name} has no {package}: write it again with `make lock`.")
    return match.group(0)


def pip_settings(listing: str) -> dict[str, str]:
    """`pip config list` as a mapping without sections, the strongest section winning."""
    found: dict[str, str] = {}
    lines = [line.partition("=") for line in listing.splitlines()]
    for section in SECTIONS:
        for name, _, value in lines:
            if name.startswith(f"{section}."):
                found[name.removeprefix(f"{section}.")] = str(ast.literal_eval(value))
    return found


def uv_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """pip's settings in uv's words."""
    words = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "trusted-host": "UV_INSECURE_HOST",
        "no-index": "UV_NO_INDEX",
        "timeout": "UV_HTTP_TIMEOUT",
        "default-timeout": "UV_HTTP_TIMEOUT",
        "cert": "SSL_CERT_FILE",
        "proxy": "ALL_PROXY",
    }
    passed = {words[name]: " ".join(value.split()) for name, value in settings.items() if name in words}
    if "UV_FIND_LINKS" in passed:
        passed["UV_FIND_LINKS"] = ",".join(passed["UV_FIND_LINKS"].split())
    # Like pip: any index may have the locked version. The hashes say that it is the right file.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **passed}


def run(*command: str, env: Mapping[str, str] | None = None) -> bool:
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})}, check=False).returncode == 0


def pip(*arguments: str) -> bool:
    return run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments)


def install_with_uv() -> bool:
    if not UV.exists():
        with tempfile.TemporaryDirectory() as folder:
            entry = Path(folder, "uv.txt")
            entry.write_text(lock_entry(LOCK.read_text(), "uv"))
            if not pip("install", "--quiet", "--require-hashes", "--no-deps", "-r", str(entry)):
                return False
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    env = uv_environment(pip_settings(listing)) | {"VIRTUAL_ENV": sys.prefix}
    # What the user has set for uv itself is stronger.
    env = {name: value for name, value in env.items() if name not in os.environ}
    return run(str(UV), "pip", "sync", "--quiet", "--require-hashes", str(LOCK), env=env) and run(
        str(UV), "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "-e", str(ROOT), env=env
    )


def install_with_pip() -> bool:
    return pip("install", "--require-hashes", "--no-deps", "-r", str(LOCK)) and pip(
        "install", "--quiet", "--no-deps", "--no-build-isolation", "-e", str(ROOT)
    )


def main() -> None:
    wanted = stamp()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    packages = LOCK.read_text().count("==")
    print(f"Installing some {packages} packages from {LOCK.name} (a minute or two, once)", flush=True)
    if not install_with_uv():
        print("uv could not install it; trying pip", flush=True)
        if not install_with_pip():
            raise SystemExit("The packages could not be installed: see pip's message above.")
    for ahead in AHEAD:
        run(sys.executable, str(ahead))
    STAMP.write_text(wanted)


if __name__ == "__main__":
    main()
