"""Install what the tests against real servers need: from Debian, and Node with its packages for one of them.

Says what is missing where it cannot be installed, and then fails: a test that skips would look like one that
passed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.integration.real import atproto_network, crm_servers, wordpress_server

PACKAGES = wordpress_server.PACKAGES | atproto_network.PACKAGES | crm_servers.PACKAGES

# Nothing that is installed starts as a service of the machine: the tests start their own.
_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}


def missing() -> list[str]:
    """Debian's packages that are not here."""
    return [name for name, pattern in PACKAGES.items() if not list(Path("/").glob(pattern))]


def main() -> int:
    """Exit code 0 when everything is there, after installing it if need be."""
    names = missing()
    if names and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *names]):
            done = subprocess.run(
                ["apt-get", "-q", *command],
                env=os.environ | _QUIET,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                sys.stderr.write(done.stderr)
                break
        names = missing()
    if names:
        sys.stderr.write(
            f"The tests against real servers need Debian's {' '.join(names)}. "
            f"As root: apt-get install --no-install-recommends {' '.join(names)}\n"
        )
        return 1
    try:
        atproto_network.install()
    except (subprocess.CalledProcessError, OSError) as error:
        sys.stderr.write(f"The AT Protocol network could not be installed: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
