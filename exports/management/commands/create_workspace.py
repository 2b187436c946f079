"""``create_workspace --name --base-url [--time-zone]``: the access token comes on standard input."""

import sys
from typing import Any, BinaryIO, TextIO

from django.core.management.base import BaseCommand, CommandParser

from exports.management.sentences import refusals_as_sentences
from exports.services.workspaces import create_workspace

# Far more than a token; a file piped by mistake is refused without being read to its end.
READ_MOST = 4096


class Command(BaseCommand):
    """Makes a workspace and prints only its id."""

    help = (
        "Makes a workspace and prints its id. The access token is read from standard input, so that no list of "
        "processes and no shell history shows it; without one the workspace is paused until a manager gives it."
    )

    stealth_options = ("stdin",)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="unique")
        parser.add_argument("--base-url", required=True, help="such as https://analytics.liferay.com")
        parser.add_argument("--time-zone", default="UTC", help="such as Asia/Tokyo (default: UTC)")

    def handle(self, *args: Any, **options: Any) -> None:
        token = self._token(options.get("stdin") or sys.stdin)
        with refusals_as_sentences():
            workspace = create_workspace(
                actor=None,
                name=options["name"],
                base_url=options["base_url"],
                time_zone=options["time_zone"],
                token=token or None,
            )
        if workspace.is_paused:
            self.stderr.write(f"No access token yet: the workspace is paused ({workspace.pause_code}).")
        self.stdout.write(str(workspace.pk))

    def _token(self, source: TextIO) -> str:
        if source.isatty():
            return ""
        buffer: BinaryIO | None = getattr(source, "buffer", None)
        # Read as bytes: what is no text is then refused with a sentence.
        text = source.read(READ_MOST) if buffer is None else buffer.read(READ_MOST).decode("utf-8", "replace")
        return text.strip()
