"""A real PostgreSQL and a real Redmine from Debian, started on loopback and stopped after the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = {
    "postgresql": "usr/lib/postgresql/*/bin/initdb",
    "redmine": "usr/share/redmine/config.ru",
    "redmine-sqlite": "var/lib/dbconfig-common/sqlite3/redmine/instances/default/redmine_default",
}
"""Debian's packages that these need, each with a pattern of a file by which it is told."""

REDMINE = Path("/usr/share/redmine")
_REDMINE_DATABASE = Path("/var/lib/dbconfig-common/sqlite3/redmine/instances/default/redmine_default")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(ready: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 120.0) -> None:
    """Wait for a server; fail where its process ends first."""
    pause, waited = threading.Event(), 0.0
    while not ready():
        assert process.poll() is None, "the server ended"
        assert waited < seconds, "the server does not answer"
        pause.wait(0.2)
        waited += 0.2


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """The address of a PostgreSQL server with an empty database."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    user: dict[str, str] = {}
    if os.getuid() == 0:  # PostgreSQL does not run as root
        user = {"user": "nobody"}
        shutil.chown(folder, "nobody")
        for parent in folder.parents:
            if parent.name.startswith("pytest-"):
                parent.chmod(0o755)
    data, port = folder / "data", free_port()
    setup = [found[-1] / "initdb", "-D", data, "-A", "trust", "-U", "stature", "--no-sync"]
    subprocess.run(setup, check=True, capture_output=True, **user)  # type: ignore[call-overload]
    server = [found[-1] / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"]
    process = subprocess.Popen(server, stderr=subprocess.DEVNULL, **user)  # type: ignore[call-overload]
    ready = [found[-1] / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    try:
        until(lambda: subprocess.run(ready, check=False).returncode == 0, process)
        yield f"postgresql://stature@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        process.wait()


class Redmine:
    """A Redmine on loopback with REST switched on, two custom fields of users, and some users."""

    def __init__(self, url: str, key: str, fields: dict[str, int], users: list[int]) -> None:
        self.url, self.key, self.fields, self.users = url, key, fields, users


_SETUP = """
Setting.rest_api_enabled = '1'
score = UserCustomField.create!(name: 'Influence', field_format: 'float', max_length: 0)
topic = UserCustomField.create!(name: 'Topic', field_format: 'string', max_length: 30)
phone = UserCustomField.create!(name: 'Phone', field_format: 'string')
admin = User.where(admin: true).first
admin.update_columns(must_change_passwd: false, status: 1)
users = (1..3).map do |n|
  user = User.new(firstname: 'Ada', lastname: "Okonkwo#{n}", mail: "ada#{n}@example.com", language: 'en')
  user.login = "ada#{n}"
  user.password = user.password_confirmation = SecureRandom.hex(16)
  user.custom_field_values = {phone.id.to_s => '555-1'}
  user.save!
  user.id
end
puts "READY #{admin.api_key} #{score.id} #{topic.id} #{phone.id} #{users.join(' ')}"
"""


@contextmanager
def redmine_server(folder: Path) -> Iterator[Redmine]:
    """Debian's Redmine, on a copy of the database that its package made."""
    shutil.copy(_REDMINE_DATABASE, folder / "redmine.sqlite3")
    port = free_port()
    environment = os.environ | {
        "RAILS_ENV": "production",
        "X_DEBIAN_SITEID": "default",
        "DATABASE_URL": f"sqlite3:{folder / 'redmine.sqlite3'}",
        "RAILS_LOG_TO_STDOUT": "1",
    }
    made = subprocess.run(
        ["bundle", "exec", "rails", "runner", _SETUP],
        cwd=REDMINE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    line = next((line for line in made.stdout.splitlines() if line.startswith("READY ")), None)
    assert line, made.stdout + made.stderr
    key, score, topic, phone, *users = line.split()[1:]
    # Ruby's own web server; Redmine's bundle does not name it, so its place is told.
    webrick = next(Path("/usr/share/rubygems-integration/all/gems").glob("webrick-*/lib"))
    environment["RUBYLIB"] = str(webrick)
    command = ["bundle", "exec", "rails", "server", "-u", "webrick", "-b", "127.0.0.1", "-p", str(port)]
    command += ["-P", str(folder / "pid")]
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=REDMINE, env=environment, stdout=log, stderr=log)
        try:
            until(lambda: _answers(f"{url}/users/current.json", key), process)
            fields = {"score": int(score), "topic": int(topic), "phone": int(phone)}
            yield Redmine(url, key, fields, [int(user) for user in users])
        finally:
            process.terminate()
            process.wait()


def _answers(url: str, key: str) -> bool:
    try:
        asked = urllib.request.Request(url, headers={"X-Redmine-API-Key": key})  # noqa: S310
        with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False
