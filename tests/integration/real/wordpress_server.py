"""A real WordPress on this machine: Debian's files, a MariaDB of its own, and PHP's built-in server."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

PACKAGES = {
    "wordpress": "usr/share/wordpress/wp-load.php",
    "mariadb-server": "usr/sbin/mariadbd",
    "php-cli": "usr/bin/php",
    "php-mysql": "usr/share/php*-mysql",
    "php-xml": "usr/share/php*-xml",
}
"""Debian's packages that this needs, each with a pattern of a file by which it is told."""

_CONFIG = """<?php
define('DB_NAME', 'blog'); define('DB_USER', 'root'); define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:%(socket)s'); define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
define('WP_ENVIRONMENT_TYPE', 'local'); // application passwords without https
define('DISABLE_WP_CRON', true); define('AUTOMATIC_UPDATER_DISABLED', true);
define('WP_HOME', '%(url)s'); define('WP_SITEURL', '%(url)s'); define('WP_DEBUG', false);
foreach (['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT',
          'LOGGED_IN_SALT', 'NONCE_SALT'] as $name) define($name, '%(salt)s' . $name);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
"""
# What a blog's owner may choose, and what a test on one machine needs: guests may comment through the API and
# one after the other, and a pingback's page may lie on this machine.
_PLUGIN = """<?php
add_filter('rest_allow_anonymous_comments', '__return_true');
add_filter('wp_is_comment_flood', '__return_false', 99);
add_filter('http_request_host_is_external', '__return_true');
add_filter('http_allowed_safe_ports', fn($ports) => range(1, 65535));
"""
_SECONDS = 60


class WordPress:
    """The running blog. `url` is its address; `call` speaks to its REST API as the owner, or as a guest."""

    def __init__(self, url: str, root: Path) -> None:
        self.url = url
        self.root = root
        self.word = ""
        self.login: dict[str, str] = {}

    @property
    def site(self) -> str:
        return self.url.removeprefix("http://")

    def php(self, code: str) -> str:
        """What PHP prints after WordPress is loaded."""
        told = f"define('WP_INSTALLING', true); require '{self.root}/wp-load.php'; {code}"
        run = subprocess.run(["php", "-r", told], capture_output=True, text=True, timeout=120, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def install(self) -> None:
        """Make the blog, with an owner whose application password is used from then on."""
        word = secrets.token_hex(12)
        self.php(
            f"require '{self.root}/wp-admin/includes/upgrade.php';"
            f"wp_install('A real blog', 'ada', 'ada@blog.test', true, '', '{word}', '');"
            "update_option('permalink_structure', '');"
        )
        make = "echo WP_Application_Passwords::create_new_application_password(1, ['name' => 'test'])[0];"
        self.word = self.php(make).strip()
        self.login = {"Authorization": f"Basic {b64encode(f'ada:{self.word}'.encode()).decode()}"}

    def pretty(self) -> None:
        """Put the API under /wp-json, as most blogs have it."""
        self.php("update_option('permalink_structure', '/%postname%/'); flush_rewrite_rules(false);")

    def call(self, method: str, route: str, guest: bool = False, **values: Any) -> dict[str, Any]:
        """A call of the REST API; AssertionError with the answer where it fails."""
        headers = {} if guest else self.login
        answer = requests.request(
            method, f"{self.url}/", params={"rest_route": f"/wp/v2/{route}"}, json=values, headers=headers,
            timeout=_SECONDS,
        )  # fmt: skip
        assert answer.ok, f"{route}: {answer.status_code} {answer.text[:500]}"
        return dict(answer.json())

    def pingback(self, source: str, target: str) -> None:
        """Tell the blog, as another blog's software does, that the page `source` links to `target`."""
        params = "".join(f"<param><value><string>{url}</string></value></param>" for url in (source, target))
        called = f"<methodName>pingback.ping</methodName><params>{params}</params>"
        body = f'<?xml version="1.0"?><methodCall>{called}</methodCall>'
        answer = requests.post(
            f"{self.url}/xmlrpc.php", data=body, headers={"Content-Type": "text/xml"}, timeout=_SECONDS
        )
        assert "faultCode" not in answer.text, answer.text


@contextmanager
def wordpress(folder: Path) -> Iterator[WordPress]:
    """A new blog, gone afterwards. Everything of it lies in `folder`; it listens on 127.0.0.1 alone."""
    with ExitStack() as stack:
        database = stack.enter_context(_database(folder))
        root = folder / "blog"
        shutil.copytree(
            "/usr/share/wordpress", root, symlinks=False, ignore=shutil.ignore_patterns(".htaccess")
        )
        (root / "wp-content/mu-plugins").mkdir(parents=True)
        (root / "wp-content/mu-plugins/test.php").write_text(_PLUGIN)
        port = _free_port()
        told = {"socket": database, "url": f"http://127.0.0.1:{port}", "salt": secrets.token_hex(16)}
        (root / "wp-config.php").unlink()
        (root / "wp-config.php").write_text(_CONFIG % told)
        blog = WordPress(told["url"], root)
        blog.install()
        serve = ["php", "-d", "display_errors=0", "-S", f"127.0.0.1:{port}", "-t", str(root)]
        stack.enter_context(_running(serve, folder / "php.log", {"PHP_CLI_SERVER_WORKERS": "2"}))
        _until(lambda: _listens(port), "PHP's server")
        yield blog


@contextmanager
def _database(folder: Path) -> Iterator[str]:
    """The socket of a MariaDB with an empty database `blog`. It speaks through no port."""
    data, place = folder / "data", f"{folder}/db.sock"
    common = ["--no-defaults", f"--datadir={data}", "--user=root"]
    made = subprocess.run(
        ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    start = [
        "/usr/sbin/mariadbd", *common, f"--socket={place}", "--skip-networking",
        f"--pid-file={folder}/db.pid", "--innodb-buffer-pool-size=32M",
        "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin",
    ]  # fmt: skip
    ask = ["mariadb", "--no-defaults", f"--socket={place}", "-uroot", "-e"]
    with _running(start, folder / "db.log"):
        _until(
            lambda: subprocess.run([*ask, "select 1"], capture_output=True, check=False).returncode == 0,
            "MariaDB",
        )
        subprocess.run([*ask, "create database blog"], check=True, capture_output=True)
        yield place


@contextmanager
def _running(command: list[str], log: Path, extra: Mapping[str, str] | None = None) -> Iterator[None]:
    """A process for the time of a block; its output is in `log`."""
    with log.open("wb") as out:
        # In a group of its own: PHP's server leaves its workers behind when it alone is told to end.
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, **(extra or {})}, start_new_session=True
        )
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _until(ready: Any, what: str) -> None:
    """Wait for a server to answer; a real one has no clock that could be handed to it."""
    for _ in range(10 * _SECONDS):
        if ready():
            return
        time.sleep(0.1)
    raise AssertionError(f"{what} does not answer")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
