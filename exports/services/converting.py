"""Runs one conversion in a child process (`exports.files.convert_job`), listening to it."""

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.conf import settings

WATCH_SECONDS = 0.2
CONVERSION_SECONDS = 2 * 3600
READ_STEP = 64 * 1024
ERRORS_MOST = 300

# Bytes from outside meet large libraries there: the process has nothing that is worth stealing.
SECRETS = frozenset(
    {
        *("SECRET_KEY", "TOKEN_ENCRYPTION_KEYS", "DATABASE_URL", "REDIS_URL", "EMAIL_URL", "EXPORT_STORAGE_URL"),
        *("OIDC_CLIENT_SECRET", "POSTGRES_PASSWORD", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    }
)


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit status, its last word when that is what it made, the end of its errors."""

    status: int
    made: dict[str, Any]
    errors: str


def run_conversion(job: dict[str, Any], *, go_on: Callable[[int], bool]) -> Ended | None:
    """Run a job to its end; one that takes longer than two hours is ended and has failed.

    Args:
        job: what `exports.files.convert_job` reads.
        go_on: called several times a second with the rows done so far; False ends the child.

    Returns:
        None when ``go_on`` said False.
    """
    with tempfile.TemporaryFile() as errors:
        # Our own interpreter and module; the job goes by standard input.
        child = subprocess.Popen(  # noqa: S603  # nosec B603  # no word of the command comes from outside
            [sys.executable, "-m", "exports.files.convert_job"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=settings.BASE_DIR,
            env={name: value for name, value in os.environ.items() if name not in SECRETS},
        )
        try:
            said = _listen(child, json.dumps(job).encode(), go_on)
        finally:
            if child.poll() is None:
                child.kill()
            child.communicate()
        if said is None:
            return None
        errors.seek(0, os.SEEK_END)
        errors.seek(max(errors.tell() - ERRORS_MOST, 0))
        return Ended(child.returncode, said, errors.read().decode(errors="replace"))


def _listen(child: "subprocess.Popen[bytes]", job: bytes, go_on: Callable[[int], bool]) -> dict[str, Any] | None:
    """Return the child's last message once it has closed its mouth; None when it must not go on."""
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(BrokenPipeError):  # gone before it read anything: its exit status says so
        child.stdin.write(job)
        child.stdin.flush()
    with suppress(BrokenPipeError):
        child.stdin.close()
    child.stdin = None
    last: dict[str, Any] = {}
    rest = b""
    deadline = time.monotonic() + CONVERSION_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:  # beyond it counts like any failure, or it would begin anew for ever
            if selector.select(WATCH_SECONDS):
                piece = os.read(child.stdout.fileno(), READ_STEP)
                if not piece:
                    child.wait(WATCH_SECONDS * 50)
                    return last
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    last = json.loads(line) if line.startswith(b"{") else last  # a library may have its say too
            if not go_on(int(last.get("done_rows", 0))):
                return None
    child.kill()
    child.wait()
    return last
