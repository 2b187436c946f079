"""gunicorn: threads, so that slow readers of large files starve nobody (measured: 16 were too few, 64 were not)."""

import gc
import os
from typing import Any

bind = os.environ.get("GUNICORN_BIND", "127.0.0.1:8000")
worker_class = "gthread"
workers_wanted = os.environ.get("WEB_CONCURRENCY") or "2"
if not workers_wanted.isdecimal() or int(workers_wanted) < 1:
    raise SystemExit(f"WEB_CONCURRENCY must be a whole number of at least 1, not {workers_wanted!r}.")
workers = int(workers_wanted)
threads = 32
timeout = 60
graceful_timeout = 20
keepalive = 5
# No max_requests: a process that ends itself cuts the downloads that it still sends.
accesslog = None
control_socket_disable = True  # it would lie in the home folder: shared by two portals, missing in a container


def post_worker_init(worker: Any) -> None:
    """Say in the log which tokens no key opens; keep what stays out of each collection of garbage."""
    from exports.checks import say_unreadable_tokens  # noqa: PLC0415 - the application is loaded by now, not before

    say_unreadable_tokens()
    # Half a million objects that live as long as the process: looking through them held up a page for 100 ms.
    gc.collect()
    gc.freeze()
