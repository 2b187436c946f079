"""What a worker's memory does while it takes in files of any size. ``python -m benchmarks.memory [--quick]``

A real Celery worker with a real broker fetches a 10 KB archive and then one of 5 GB with ten million rows, which is
ZIP64 by its packed and its unpacked size. *Peak* is resident memory above what the same process takes when idle.
Needs some 11 GB of disk for a while.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.archives import write_archive
from benchmarks.databases import database_url
from benchmarks.portal import Portal, descendants, memory, start_peak_over
from benchmarks.tables import print_table
from tests.support.redis_server import RedisServer

SMALL, BIG, QUICK_BIG = 10_000, 5_000_000_000, 50_000_000
LETTERS = 560  # in each row, of chance: five gigabytes then have ten million rows
PIECE = 256 * 1024
HOUR = 3600
SETTINGS = {"EXPORT_TICK_SECONDS": "1", "EXPORT_POLL_FIRST_SECONDS": "1", "EXPORT_MIN_FREE_BYTES": "1000000"}


@contextmanager
def upstream(files: dict[str, Path]) -> Iterator[str]:
    """Serve each type's file at once to whoever asks, chunked and without a length, as Analytics Cloud does."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # noqa: N802 - the name http.server looks for
            data_type = self.path.partition("?")[0].rpartition("/")[2]
            self.send_response(200)
            self.send_header("Content-Type", "application/zip")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            with files[data_type].open("rb") as file:
                while piece := file.read(PIECE):
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def measure(big_bytes: int, folder: Path) -> None:
    """Let one worker take in both files, and print the table."""
    files = {"event": folder / "small.zip", "page": folder / "big.zip"}
    _, small_rows = write_archive(files["event"], SMALL, unpackable=LETTERS, block_rows=25)
    unpacked, big_rows = write_archive(files["page"], big_bytes, unpackable=LETTERS)
    with database_url("sqlite") as url, RedisServer() as redis, upstream(files) as origin:
        portal = Portal(url, redis.url, folder, ANALYTICS_CLOUD_ORIGINS=origin, **SETTINGS)
        worker = ("-m", "celery", "-A", "lacportal", "worker", "-Q", "poll,transfer,convert", "--concurrency", "1")
        with portal.serving(), portal.running("worker", *worker) as running:
            workspace = portal.make_workspace("Space", origin)
            status, said = portal.ask("PUT", f"/api/v1/workspaces/{workspace}/token", {"token": "benchmark"})
            assert status == 204, said
            _fetch(portal, workspace, "event", 0)  # everything is loaded once
            lines = []
            for number, (data_type, rows) in enumerate((("event", small_rows), ("page", big_rows)), 1):
                pids = descendants(running.pid)
                idle = [memory(pid) for pid in pids]
                start_peak_over(pids)
                began = time.monotonic()
                export = _fetch(portal, workspace, data_type, number)
                took = time.monotonic() - began
                assert export["rows"] == rows, (export["rows"], rows)
                peak = max(memory(pid, "VmHWM") - before for pid, before in zip(pids, idle, strict=True))
                lines.append((export, took, max(idle), peak))
    print_table(
        f"A worker's memory ({unpacked / 1e9:.1f} GB inside the larger file)",
        ["packed bytes", "rows", "asked to ready", "worker idle", "peak above idle"],
        [
            [f"{export['bytes']:,}", f"{export['rows']:,}", f"{took:.0f} s", f"{idle:.0f} MiB", f"{peak:.1f} MiB"]
            for export, took, idle, peak in lines
        ],
    )
    print(f"\nDifference: {lines[1][3] - lines[0][3]:.1f} MiB (goal: below 20 MB)")


def _fetch(portal: Portal, workspace: str, data_type: str, number: int) -> dict[str, Any]:
    day = f"2026-01-{number + 1:02}"
    wish = {"workspace": workspace, "type": data_type, "from": f"{day}T00:00:00Z", "to": f"{day}T23:59:59Z"}
    status, export = portal.ask("POST", "/api/v1/exports", wish)
    assert status == 201, export
    end = time.monotonic() + 2 * HOUR
    while export["status"] != "ready":
        assert export["error"] is None, export["error"]
        assert time.monotonic() < end, export
        time.sleep(0.5)
        _status, export = portal.ask("GET", f"/api/v1/exports/{export['id']}")
    found: dict[str, Any] = export
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="50 MB instead of 5 GB")
    parser.add_argument("--megabytes", type=int, help="size of the larger archive")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    options = parser.parse_args()
    big = QUICK_BIG if options.quick else BIG
    with tempfile.TemporaryDirectory(prefix="lac-benchmark-", dir=options.folder) as folder:
        measure(options.megabytes * 1_000_000 if options.megabytes else big, Path(folder))


if __name__ == "__main__":
    main()
