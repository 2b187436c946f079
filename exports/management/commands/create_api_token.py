"""``create_api_token --email --name``."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from exports.management.sentences import person, refusals_as_sentences, workspace
from exports.models import Scope
from exports.services.api_tokens import make_api_token

DAYS_MOST = 3650


class Command(BaseCommand):
    """Makes a personal API token and prints only it: one line on standard output."""

    help = "Makes a personal API token and prints it, this once. It may what its person may, unless told less."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="of the person it acts for")
        parser.add_argument("--name", required=True, help="what it is for")
        parser.add_argument(
            "--scope", action="append", choices=Scope.values, help="may be given several times (default: all)"
        )
        parser.add_argument(
            "--workspace", action="append", help="name or id; may be given several times (default: all)"
        )
        parser.add_argument("--expires-in-days", type=int, help="default: never")

    def handle(self, *args: Any, **options: Any) -> None:
        user = person(options["email"])
        days = options["expires_in_days"]
        if days is not None and not 1 <= days <= DAYS_MOST:
            raise CommandError(f"--expires-in-days is 1 to {DAYS_MOST}.")
        names = options["workspace"]
        with refusals_as_sentences():
            token, text = make_api_token(
                user=user,
                name=options["name"],
                scopes=options["scope"],
                expires_at=None if days is None else timezone.now() + timedelta(days=days),
                workspaces=None if names is None else [workspace(name) for name in names],
            )
        self.stderr.write(f"Made “{token.name}” for {user.email}. It is shown only now.")
        self.stdout.write(text)
