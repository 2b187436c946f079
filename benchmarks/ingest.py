"""From an open answer to a file that may be offered, next to what a careful person would type.

    python -m benchmarks.ingest [--megabytes 500] [--rounds 3]

Ours is the product's own client, receiving, gate and publishing, `fsync` included, in a process with what a worker
has loaded; theirs is `curl -o f && sha256sum f && unzip -tq f`. Both take turns against the same local server.
"""

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.archives import write_archive
from exports.analytics_cloud.client import AnalyticsCloudClient
from exports.analytics_cloud.replies import Ready
from exports.files.archive import ArchiveLimits, check_archive
from exports.files.receiving import receive
from exports.files.storage import storage_from

_NAME = "00000000-0000-4000-8000-000000000000-1"
_MIB = 1024 * 1024


def serve(path: Path) -> None:
    """Serve `path` as Analytics Cloud serves a file: 200, chunked, no length. Prints the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # noqa: N802 - the name http.server looks for
            self.send_response(200)
            self.send_header("Content-Type", "application/zip")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            with path.open("rb") as file:
                while piece := file.read(256 * 1024):
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()  # ends with the parent


def take_in(origin: str, root: Path) -> None:
    """Take the file in as a transfer worker does.

    Prints seconds, seconds in the gate, seconds of
    processor time, peak above idle in KiB, rows, bytes.
    """
    storage = storage_from(root, "")
    storage.ensure()
    storage.remove(_NAME)
    client = AnalyticsCloudClient(base_url=origin, token="benchmark", allowed_origins=[origin])
    idle = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # start the peak over
    began = time.perf_counter()
    cpu = time.process_time()
    day = datetime(2023, 3, 1, tzinfo=UTC)
    reply = client.ask("page", day, day, give_up_after=30, stall_seconds=60, max_bytes=2**62)
    if not isinstance(reply, Ready):
        raise SystemExit(f"the server answered {reply}")
    received = receive(reply.stream, storage.part_path(_NAME), min_free_bytes=0, on_progress=lambda _: None)
    arrived = time.perf_counter()
    receipt = check_archive(storage.part_path(_NAME), data_type="page", limits=ArchiveLimits(max_unpacked_bytes=2**62))
    checked = time.perf_counter()
    storage.publish(_NAME)
    seconds = time.perf_counter() - began
    cpu = time.process_time() - cpu
    peak = _memory("VmHWM") - idle
    sys.stdout.write(f"{seconds} {checked - arrived} {cpu} {peak} {receipt.rows} {received.bytes}\n")


def _memory(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def _theirs(origin: str, folder: Path) -> tuple[float, float]:
    """Seconds, and seconds of processor time."""
    command = f"curl -s -o f {origin}/api/reports/export/page && sha256sum f && unzip -tq f"
    began = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["sh", "-c", command], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu


def _ours(origin: str, root: Path) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.ingest", "--take-in", origin, str(root)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(number) for number in done.stdout.split()]


def compare(megabytes: int, rounds: int, folder: Path) -> None:
    """Let both take turns and print the table."""
    console = Console()
    archive = folder / "archive.zip"
    with console.status("making the archive"):
        unpacked, rows = write_archive(archive, megabytes * 1_000_000)
    packed = archive.stat().st_size
    console.print(f"{packed / 1e6:,.0f} MB, {unpacked / 1e6:,.0f} MB unpacked, {rows:,} rows, {os.cpu_count()} cores")
    command = [sys.executable, "-m", "benchmarks.ingest", "--serve", str(archive)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        origin = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        table = Table("round", "ours s", "its gate s", "theirs s", "ratio", "ours cpu s", "theirs", "ratio", "peak MiB")
        ratios, cpu_ratios, peaks = [], [], []
        for number in range(1, rounds + 1):
            theirs, theirs_cpu = _theirs(origin, folder)
            seconds, gate, cpu, peak, found, _ = _ours(origin, folder / "exports")
            if found != rows:
                raise SystemExit(f"the gate counted {found} rows, not {rows}")
            ratios.append(seconds / theirs)
            cpu_ratios.append(cpu / theirs_cpu)
            peaks.append(peak / 1024)
            figures = [seconds, gate, theirs, ratios[-1], cpu, theirs_cpu, cpu_ratios[-1]]
            table.add_row(str(number), *(f"{figure:.2f}" for figure in figures), f"{peaks[-1]:.1f}")
        middle = [f"{statistics.median(figures):.2f}" for figures in (ratios, cpu_ratios)]
        table.add_row("median", "", "", "", middle[0], "", "", middle[1], f"{statistics.median(peaks):.1f}")
        console.print(table)
        console.print("ours: client, receive, gate, publish with fsync; theirs: curl && sha256sum && unzip -tq")
        console.print("peak: resident memory above what the idle worker takes")
        assert server.stdin is not None
        server.stdin.close()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500, help="size of the archive (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--take-in", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    elif options.take_in:
        take_in(options.take_in[0], Path(options.take_in[1]))
    else:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            compare(options.megabytes, options.rounds, Path(folder))


if __name__ == "__main__":
    main()
