"""The simulator as one object: start it, point a client at `base_url`, look at what happened."""

from __future__ import annotations

import itertools
import tempfile
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

from exports.analytics_cloud.simulator import contract, replies, rows
from exports.analytics_cloud.simulator.archive import Made, Shape, content_type_of, make_big_file, make_file
from exports.analytics_cloud.simulator.clock import Clock, RunningClock
from exports.analytics_cloud.simulator.contract import Key, parse_date
from exports.analytics_cloud.simulator.faults import Faults
from exports.analytics_cloud.simulator.log import Entry, Log
from exports.analytics_cloud.simulator.server import Parts, Server
from exports.analytics_cloud.simulator.tokens import Tokens
from exports.analytics_cloud.simulator.world import World

Body = Literal["auto", "zip", "array", "plain"]

BLOCK_ROWS = 2_000
# Text per row, in bytes, that makes a benchmark's archive nearly as large as its rows.
BALLAST = 2_000


class Simulator:
    """The export API on a port of this machine, served by threads of this process.

    `port` 0 takes a free one. `rhythm`: seconds between two looks of a workspace's worker. `duration`: seconds an
    export takes, or shortest and longest. `rows` per export. `tokens`: workspace name -> token; without it every
    token of the documented form, or beginning with "demo", opens a workspace of its own. `clock`: a running one
    that starts at `now` (UTC), or your own. `body`: "auto" sends ZIPs, and before 2023 the bare rows of that day's
    servers; "array" is the ZIP of one JSON array that one version made of segments. `rejection`: how an unknown
    token is answered, one of `replies.REJECTIONS`. `megabytes`: archives of at least that size, for benchmarks,
    `incompressible` ones hardly smaller than their rows.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        now: datetime | None = None,
        clock: Clock | None = None,
        rhythm: float = 300.0,
        duration: float | tuple[float, float] = (30.0, 120.0),
        rows: int = 200,
        tokens: Mapping[str, str] | None = None,
        body: Body = "auto",
        rejection: str = "403",
        misspelt_type: bool = False,
        blank_after_failed: bool = False,
        megabytes: float = 0,
        incompressible: bool = False,
        log_file: Path | None = None,
    ) -> None:
        if rejection not in replies.REJECTIONS:
            raise ValueError(f"rejection is one of {', '.join(replies.REJECTIONS)}")
        self.rows = rows
        self.faults = Faults()
        self._body = body
        self._misspelt_type = misspelt_type
        self._megabytes = megabytes
        self._incompressible = incompressible
        self.clock = clock or RunningClock(now)
        self._log = Log(log_file)
        self._tokens = Tokens(tokens)
        self._stopping = threading.Event()
        self._numbers = itertools.count(1)
        self._world = World(
            clock=self.clock,
            rhythm=rhythm,
            duration=duration if isinstance(duration, tuple) else (duration, duration),
            make=self._make,
            upstream_fault=self._upstream_fault,
        )
        parts = Parts(
            clock=self.clock,
            world=self._world,
            tokens=self._tokens,
            faults=self.faults,
            log=self._log,
            rejection=rejection,
            blank_after_failed=blank_after_failed,
            stopping=self._stopping,
        )
        self._server = Server((host, port), parts)
        self._folder = tempfile.TemporaryDirectory(prefix="simulator-")
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def base_url(self) -> str:
        """The origin to use as a workspace's base URL."""
        host, port = self._server.server_address[:2]
        return f"http://{host if isinstance(host, str) else host.decode()}:{port}"

    @property
    def log(self) -> list[Entry]:
        """Every request so far."""
        return self._log.entries()

    def violations(self) -> list[str]:
        """What was against the contract or the one-lane promise, a line each: `code: what happened`."""
        return self._log.violations()

    def made(self, workspace: str, type: str, from_: datetime | str, to: datetime | str) -> Made | None:
        """The newest file made for a window, given as moments or as the API's texts; None while there is none."""
        from_, to = (parse_date(date) if isinstance(date, str) else date for date in (from_, to))
        return self._world.made(Key(workspace, type, from_, to))

    def workspace_of(self, token: str) -> str | None:
        """The name under which a token's requests are logged."""
        return self._tokens.workspace_of(token)

    def replace_token(self, workspace: str, token: str) -> None:
        """Give a workspace another token; the old one is rejected from now on. An empty text revokes."""
        self._tokens.replace({workspace: token})

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, end every open connection and remove the files."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.close_connections()
        self._world.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _upstream_fault(self, key: Key) -> str | None:
        fault = self.faults.take("upstream", workspace=key.workspace, type=key.type)
        return fault.kind if fault else None

    def _make(self, key: Key, now: datetime) -> Made:
        shape = self._shape(key, now)
        path = Path(self._folder.name) / f"{next(self._numbers)}.{'jsonl' if shape == 'plain' else 'zip'}"
        content_type = content_type_of(shape)
        if self._misspelt_type:
            content_type = content_type.replace("application/zip", "applization/zip")
        if self._megabytes:
            block = rows.lines(key, count=BLOCK_ROWS, now=now, ballast=BALLAST if self._incompressible else 0)
            return make_big_file(path, block, megabytes=self._megabytes, content_type=content_type)
        lines = rows.lines(key, count=self.rows, now=now, older=shape == "plain")
        until_stopped = itertools.takewhile(lambda line: not self._stopping.is_set(), lines)
        return make_file(path, until_stopped, shape=shape, content_type=content_type)

    def _shape(self, key: Key, now: datetime) -> Shape:
        if self._body == "auto":
            return "zip" if now.astimezone(UTC) >= contract.ARCHIVES_SINCE else "plain"
        if self._body == "array" and key.type != "segment":
            return "zip"
        return self._body
