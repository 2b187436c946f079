"""A real Redis for the tests, of their own, on a unix socket; it can be killed, flushed and started again."""

import signal
import subprocess
import tempfile
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import Self

import redis

from lacportal.embedded import EmbeddedRedis, embedded_redis
from tests.support.processes import die_with_parent, stop


class RedisServer:
    """Starts on entering, stops and removes its data on leaving."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lac-redis-"))
        self.server: EmbeddedRedis = embedded_redis(self._folder)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the address as ``REDIS_URL`` takes it."""
        return self.server.url

    def start(self) -> None:
        """Start it, with the data it had, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.server.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )
        self.server.wait_until_answering(10)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it; ``SIGKILL`` for a crash."""
        if self._process is not None:
            stop(self._process, how)
            self._process = None

    @property
    def folder(self) -> Path:
        """Return where its data lies."""
        return self._folder

    def freeze(self) -> None:
        """Let it hang: it takes connections and answers nothing until `heal`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def heal(self) -> None:
        """Wake it up when it hangs, start it when it is gone."""
        if self._process is None:
            self.start()
        else:
            self._process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        """Lose everything it holds."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(signal.SIGKILL)
        rmtree(self._folder, ignore_errors=True)
        if self.server.socket.parent != self._folder:
            rmtree(self.server.socket.parent, ignore_errors=True)
