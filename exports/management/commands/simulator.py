"""`manage.py simulator`: the bundled Analytics Cloud on a port of this machine."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exports.analytics_cloud.simulator import Simulator
from exports.analytics_cloud.simulator.faults import KINDS, parse_fault
from exports.analytics_cloud.simulator.replies import REJECTIONS


class Command(BaseCommand):
    help = "Run the Analytics Cloud export API as a small HTTP server of its own. Stop it with Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8099, help="0 takes a free one (default: 8099)")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument(
            "--now", type=moment, metavar="WHEN", help="start the clock there: 2022-06-29T17:50:46 (UTC)"
        )
        parser.add_argument("--rhythm", type=float, default=300.0, help="seconds between two looks of a worker")
        parser.add_argument(
            "--duration", type=span, default=(30.0, 120.0), metavar="SECONDS|MIN:MAX", help="an export takes so long"
        )
        parser.add_argument("--rows", type=int, default=200, help="rows per export")
        parser.add_argument(
            "--token",
            action="append",
            type=named_token,
            metavar="NAME=TOKEN",
            help="a workspace and its token; repeatable",
        )
        parser.add_argument(
            "--body",
            choices=("auto", "zip", "array", "plain"),
            default="auto",
            help="shape of the files; auto: as on the clock's day",
        )
        parser.add_argument("--rejection", choices=REJECTIONS, default="403", help="how an unknown token is answered")
        parser.add_argument("--misspelt-type", action="store_true", help="say applization/zip")
        parser.add_argument("--blank-after-failed", action="store_true", help="end the failed message with a blank")
        parser.add_argument("--megabytes", type=float, default=0, help="archives of at least this size, for benchmarks")
        parser.add_argument("--incompressible", action="store_true", help="with --megabytes: rows that hardly shrink")
        parser.add_argument("--log", type=Path, metavar="FILE", help="write every request as a line of JSON")
        parser.add_argument(
            "--faults",
            action="append",
            default=[],
            metavar="KIND[,NAME=VALUE...]",
            help=f"switch a fault on, e.g. cut_body,type=page,times=2; repeatable. Kinds: {', '.join(KINDS)}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            simulator = Simulator(
                port=options["port"],
                host=options["host"],
                now=options["now"],
                rhythm=options["rhythm"],
                duration=options["duration"],
                rows=options["rows"],
                tokens=dict(options["token"]) if options["token"] else None,
                body=options["body"],
                rejection=options["rejection"],
                misspelt_type=options["misspelt_type"],
                blank_after_failed=options["blank_after_failed"],
                megabytes=options["megabytes"],
                incompressible=options["incompressible"],
                log_file=options["log"],
            )
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "there is no such port"
            raise CommandError(f"Can't start on {options['host']}:{options['port']}: {reason}.") from error
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        with simulator:
            for text in options["faults"]:
                try:
                    kind, settings = parse_fault(text)
                    simulator.faults.add(kind, **settings)
                except (ValueError, TypeError) as error:
                    raise CommandError(f"--faults {text}: {error}") from error
            self.stdout.write(f"Analytics Cloud simulator at {simulator.base_url} (Ctrl-C stops it)")
            self.stdout.flush()
            stop.wait()


def moment(text: str) -> datetime:
    """A moment of the command line; without an offset it is UTC."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a date like 2022-06-29T17:50:46") from error
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def span(text: str) -> tuple[float, float]:
    """Seconds, or shortest:longest."""
    shortest, _, longest = text.partition(":")
    try:
        return float(shortest), float(longest or shortest)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is neither SECONDS nor MIN:MAX") from error


def named_token(text: str) -> tuple[str, str]:
    name, equals, token = text.partition("=")
    if not (name and equals and token):
        # The text is not shown: it may be a token.
        raise ArgumentTypeError("a token is given as NAME=TOKEN")
    return name, token
