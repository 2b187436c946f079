"""List, filtered list and detail at growing tables: queries and server time, page by page.

``python -m benchmarks.pages`` (``--quick``: small tables; ``--exports N`` adds a size). Uses a SQLite file of its own.
"""

import argparse
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

REPEATS = 15
WORKSPACES = 50
BATCH = 2_000


def main() -> None:
    """Print one line per table size and page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--exports", type=int, action="append", default=[])
    options = parser.parse_args()
    sizes = [100, 1_000] if options.quick else sorted({1_000, 100_000, *options.exports})
    with tempfile.TemporaryDirectory() as folder:
        _set_up(Path(folder))
        _measure(sizes)


def _set_up(folder: Path) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ["DATABASE_URL"] = f"sqlite:///{folder / 'pages.sqlite3'}"
    os.environ["EXPORT_ROOT"] = str(folder / "exports")
    import django  # noqa: PLC0415 - the settings above come first

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)


def _measure(sizes: list[int]) -> None:
    from django.conf import settings  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from exports.models import Export, Membership, Role, UpstreamHost, User, Workspace  # noqa: PLC0415

    settings.ALLOWED_HOSTS = ["testserver"]
    bob = User.objects.create_user("bob@example.com", "a long password")
    host = UpstreamHost.objects.create(origin="https://analytics.liferay.com")
    now = datetime.now(UTC)
    spaces = [
        Workspace(name=f"Space {n:03}", host=host, paused_at=now, pause_code="manager") for n in range(WORKSPACES)
    ]
    Workspace.objects.bulk_create(spaces)
    Membership.objects.bulk_create([Membership(workspace=space, user=bob, role=Role.MEMBER) for space in spaces])
    client = Client()
    client.force_login(bob, backend=settings.AUTHENTICATION_BACKENDS[-1])
    made = 0
    print(f"{'exports':>9}  {'page':<14} {'queries':>7} {'p50 ms':>8} {'p95 ms':>8}")
    for size in sizes:
        for start in range(made, size, BATCH):
            rows = range(start, min(start + BATCH, size))
            Export.objects.bulk_create([_export(n, spaces, bob, now) for n in rows])
        made = size
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        detail = Export.objects.order_by("created_at").first()
        assert detail is not None
        pages = {
            "list": "/",
            "filtered list": f"/?workspace={spaces[0].pk}&status=ready",
            "detail": f"/exports/{detail.pk}/",
        }
        for name, path in pages.items():
            client.get(path)
            queries: list[str] = []

            def count(execute, sql, params, many, context, seen=queries):  # type: ignore[no-untyped-def]
                seen.append(sql)
                return execute(sql, params, many, context)

            with connection.execute_wrapper(count):
                answer = client.get(path)
            assert answer.status_code == 200, (path, answer.status_code)
            times = [_timed(client, path) for _ in range(REPEATS)]
            late = statistics.quantiles(times, n=20)[18]
            print(f"{size:>9,}  {name:<14} {len(queries):>7} {statistics.median(times):>8.1f} {late:>8.1f}")


def _timed(client, path: str) -> float:  # type: ignore[no-untyped-def]
    began = time.perf_counter()
    client.get(path)
    return (time.perf_counter() - began) * 1000


def _export(number: int, spaces, bob, now: datetime):  # type: ignore[no-untyped-def]
    from exports.models import DataType, Export  # noqa: PLC0415

    made_at = now - timedelta(minutes=number + 1)
    types = DataType.values
    common = {
        "workspace": spaces[number % len(spaces)],
        "data_type": types[number % len(types)],
        "range_from": made_at - timedelta(days=30),
        "range_to": made_at,
        "requested_by": bob,
        "created_at": made_at,
        "submitted_at": made_at,
    }
    if number % 4 == 0:
        ready = {"ready_at": made_at, "expires_at": now + timedelta(hours=12), "stored_name": f"{uuid4()}-1"}
        return Export(status="ready", sha256="0" * 64, bytes=10_000, rows=100, file_kind="zip", **ready, **common)
    if number % 4 == 1:
        return Export(status="failed", error_code="upstream_failed", ended_at=made_at, **common)
    return Export(status="expired", ended_at=made_at, rows=100, bytes=10_000, sha256="0" * 64, **common)


if __name__ == "__main__":
    main()
