"""The HTTP side: real sockets, one thread per connection, HTTP/1.1 with keep-alive (analytics-cloud-api.md §1, §2)."""

from __future__ import annotations

import hashlib
import http
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from exports.analytics_cloud.simulator import contract, control, replies, wire
from exports.analytics_cloud.simulator.archive import Made
from exports.analytics_cloud.simulator.clock import Clock
from exports.analytics_cloud.simulator.contract import Key
from exports.analytics_cloud.simulator.damage import damage
from exports.analytics_cloud.simulator.faults import Fault, Faults, Stage
from exports.analytics_cloud.simulator.log import Entry, Log, has_left
from exports.analytics_cloud.simulator.replies import Asked, Reply
from exports.analytics_cloud.simulator.tokens import Tokens
from exports.analytics_cloud.simulator.world import Ready, Refused, World

CHUNK = 1 << 20
_EXPORT_PATH = re.compile(r"/api/reports/export/([^/]*)/?")
_PROBE_PATHS = ("/api/reports", "/api/reports/")
_RESET = struct.pack("ii", 1, 0)  # linger for no time: close() sends RST


@dataclass(frozen=True)
class Parts:
    """What the server works with; the same objects the tests hold."""

    clock: Clock
    world: World
    tokens: Tokens
    faults: Faults
    log: Log
    rejection: str
    blank_after_failed: bool
    stopping: threading.Event


class HungUp(Exception):  # noqa: N818 - what happens, not what went wrong
    """The client left, or the simulator stops."""


class Server(ThreadingHTTPServer):
    """Knows its open connections, so that stopping ends them all."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], parts: Parts) -> None:
        self.parts = parts
        self._connections: set[socket.socket] = set()
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that hangs up is no error of ours
            super().handle_error(request, client_address)

    def close_connections(self) -> None:
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # gone already


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal quiet: the log is `log.Log`."""

    def _serve(self) -> None:
        parts = self.server.parts
        length = int(self.headers.get("Content-Length") or 0)
        content = self.rfile.read(length) if length else b""
        if urlsplit(self.path).path.startswith(control.PREFIX):
            status, answer = control.answer(parts, self.client_address[0], self.command, self.path, content)
            self._write_all(self._head(Reply("control", status, answer, "application/json")), answer)
            return
        token = self._token()
        entry = parts.log.begin(
            method=self.command,
            path=parts.tokens.hide(self.path, token),
            asked=parts.clock.now(),
            connection=self.connection,
        )
        entry.token_sent = bool(token)
        if entry.path != self.path:
            entry.violations.append("token-in-url: a token stood in the URL")
        sent = False
        try:
            self._send(entry, self._answer(entry, token))
            sent = True
        except wire.ConnectionReset:
            self._reset()
        except (HungUp, wire.ConnectionEnded, OSError):
            entry.whole = False
            self.close_connection = True
        finally:
            parts.log.end(entry, sent=sent)

    # What to answer, in the order a real server looks at things.

    def _answer(self, entry: Entry, token: str) -> Reply | Made:
        parts, url = self.server.parts, urlsplit(self.path)
        export = _EXPORT_PATH.fullmatch(url.path)
        is_probe = url.path in _PROBE_PATHS
        type_ = export[1] if export else None
        asked = Asked(self.path, token)
        entry.workspace = parts.tokens.workspace_of(token)
        if self.command != "GET":
            entry.violations.append(f"method: {self.command} is never sent")
        if entry.workspace is None:
            return replies.rejection(parts.rejection, asked)
        if fault := self._take(entry, "token", type_, probe=is_probe):
            return replies.of_fault(fault, asked)
        if self.command not in ("GET", "HEAD"):
            return Reply("method_not_allowed", 405, headers={"Allow": "GET, HEAD, OPTIONS"})
        if not self._accepts_json():
            entry.violations.append("accept: `*/*` is what must be sent")
            return Reply("not_acceptable", 406)
        if "Range" in self.headers:
            entry.violations.append("range: nothing can be resumed")
        if (export or is_probe) and (fault := self._take(entry, "gateway", type_, probe=is_probe)):
            if export:
                self._read_key(entry, export[1], url.query)
            return replies.of_fault(fault, asked)
        if is_probe:
            return replies.probe(f"http://{self.headers.get('Host', '')}")
        if export is None:
            return Reply("not_found", 404)
        refusal = self._read_key(entry, export[1], url.query)
        if refusal is not None or entry.key is None:
            return refusal or replies.refused(contract.BAD_DATE)
        return self._ask(entry, entry.key)

    def _read_key(self, entry: Entry, type_: str, query: str) -> Reply | None:
        """Check the question in the server's order: type, blank dates, parse, order (§2)."""
        if type_ not in contract.TYPES:
            return replies.refused(contract.UNKNOWN_TYPE)
        values = parse_qs(query, keep_blank_values=True)
        texts = [values.get(name, [""])[0] for name in ("fromDate", "toDate")]
        if not all(text.strip() for text in texts):
            entry.violations.append("bad-date: a date was missing")
            return replies.refused(contract.BLANK_DATE)
        if not all(contract.FULL_DATE.fullmatch(text) for text in texts):
            entry.violations.append(f"bad-date: not the one form to send: {texts}")
        if self.server.parts.clock.now() < contract.ARCHIVES_SINCE:
            # The page of that day writes 'T' and 'Z'. The quotes are the shell's, but inside a double-quoted URL
            # they travel; whoever follows the page on that day gets the page's answer. Later servers refuse them.
            texts = [text.replace("'T'", "T").replace("'Z'", "Z") for text in texts]
        try:
            from_, to = (contract.parse_date(text) for text in texts)
        except ValueError:
            entry.violations.append(f"bad-date: refused: {texts}")
            return replies.refused(contract.BAD_DATE)
        if from_ > to:
            return replies.refused(contract.WRONG_ORDER)
        assert entry.workspace is not None
        entry.key = Key(entry.workspace, type_, from_, to)
        return None

    def _ask(self, entry: Entry, key: Key) -> Reply | Made:
        parts = self.server.parts
        answer = parts.world.ask(key)
        if isinstance(answer, Refused):
            return replies.refused_behind(contract.OUTSIDE_RETENTION)
        if isinstance(answer, Ready):
            return answer.made
        return replies.waiting(answer, blank_after_failed=parts.blank_after_failed)

    def _accepts_json(self) -> bool:
        accepted = {part.partition(";")[0].strip() for part in self.headers.get("Accept", "*/*").split(",")}
        return bool(accepted & {"*/*", "application/*", "application/json"})

    def _token(self) -> str:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    # How it travels.

    def _send(self, entry: Entry, answer: Reply | Made) -> None:
        entry.answer = "file" if isinstance(answer, Made) else answer.answer
        entry.status = 200 if isinstance(answer, Made) else answer.status
        type_ = entry.key.type if entry.key else None
        probe = entry.answer == "probe"
        ill = self._take(entry, "wire", type_, probe=probe, file=entry.is_download)
        if isinstance(answer, Reply):
            head, body = self._head(answer), b"" if self.command == "HEAD" else answer.body
            self._transmit(entry, [head, body] if ill else [head + body], ill)
            return
        harm = self._take(entry, "body", type_, file=True)
        if self.command == "HEAD":
            self._transmit(entry, [self._file_head(answer)], ill)
        elif harm or ill:
            content = answer.path.read_bytes()
            if harm:
                content = damage(content, harm)
            entry.sha256 = hashlib.sha256(content).hexdigest()
            self._transmit(entry, [self._file_head(answer), *self._chunks(content)], ill)
            entry.whole = not harm and ill is not None and ill.kind.startswith("drip")
        else:
            self._send_file(entry, answer)

    def _take(
        self, entry: Entry, stage: Stage, type_: str | None, *, probe: bool = False, file: bool = False
    ) -> Fault | None:
        if entry.workspace is None:
            return None
        fault = self.server.parts.faults.take(stage, workspace=entry.workspace, type=type_, probe=probe, file=file)
        if fault:
            entry.fault = fault.kind
        return fault

    def _send_file(self, entry: Entry, made: Made) -> None:
        """The whole file, straight from the disk to the socket in chunks: no length, no resume (§2)."""
        with made.path.open("rb") as file:
            self._write(entry, self._file_head(made))
            for offset in range(0, made.bytes, CHUNK):
                size = min(CHUNK, made.bytes - offset)
                self._write(entry, self._frame(size))
                entry.writes(size)
                self.connection.sendfile(file, offset, size)
                self._write(entry, self._frame_end())
            entry.sha256, entry.whole = made.sha256, True
            self._write(entry, self._last_frame(), last=True)

    def _transmit(self, entry: Entry, pieces: list[bytes], ill: Fault | None) -> None:
        if ill:
            for piece in wire.through(pieces, ill, self._pause):
                self._write(entry, piece)
            self.close_connection |= ill.kind == "missing_last_chunk"
        else:
            for piece in pieces[:-1]:
                self._write(entry, piece)
            self._write(entry, pieces[-1], last=True)

    def _write(self, entry: Entry, piece: bytes, *, last: bool = False) -> None:
        entry.writes(len(piece))
        if last:
            # Before the bytes leave: whoever got the answer finds the request ended in the log.
            self.server.parts.log.end(entry, sent=True)
        self.wfile.write(piece)

    def _write_all(self, *pieces: bytes) -> None:
        self.wfile.write(b"".join(pieces))

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.server.parts.stopping.wait(min(left, 0.05)) or has_left(self.connection):
                raise HungUp

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.rfile.close()  # the last other holder of the socket
        self.connection.close()

    def _head(self, reply: Reply) -> bytes:
        headers = dict(reply.headers)
        if reply.content_type is not None:
            headers["Content-Type"] = reply.content_type
        headers["Content-Length"] = str(len(reply.body))
        return self._head_bytes(reply.status, headers)

    def _file_head(self, made: Made) -> bytes:
        headers = {"Content-Type": made.content_type}
        if self._is_chunked:
            headers["Transfer-Encoding"] = "chunked"
        else:
            self.close_connection = True
        return self._head_bytes(200, headers)

    def _head_bytes(self, status: int, headers: dict[str, str]) -> bytes:
        lines = [f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}", f"Date: {formatdate(usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if self.close_connection:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    @property
    def _is_chunked(self) -> bool:
        return self.request_version != "HTTP/1.0"

    def _chunks(self, content: bytes) -> Iterator[bytes]:
        for offset in range(0, len(content), CHUNK):
            chunk = content[offset : offset + CHUNK]
            yield self._frame(len(chunk)) + chunk + self._frame_end()
        yield self._last_frame()

    def _frame(self, size: int) -> bytes:
        return f"{size:x}\r\n".encode() if self._is_chunked else b""

    def _frame_end(self) -> bytes:
        return b"\r\n" if self._is_chunked else b""

    def _last_frame(self) -> bytes:
        return b"0\r\n\r\n" if self._is_chunked else b""
