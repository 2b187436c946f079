"""``rotate_token_keys [--check]``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exports.management.sentences import refusals_as_sentences
from exports.services.token_keys import rotate_token_keys


class Command(BaseCommand):
    """Encrypts every stored access token with the first key; exits 1 when something remains to be done."""

    help = (
        "Encrypts every stored access token with the first of TOKEN_ENCRYPTION_KEYS, while everything runs. "
        "May be interrupted and run again. Exit 1: some tokens are opened by none of the keys (they are named), "
        "or, with --check, some still need an older key."
    )
    # A token that no key opens is what this command is there to name; the checks would refuse to start it.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only tell whether the older keys may go")

    def handle(self, *args: Any, **options: Any) -> None:
        check = options["check"]
        with refusals_as_sentences():
            found = rotate_token_keys(write=not check)
        verb = "need an older key" if check else "encrypted anew"
        self.stdout.write(f"{found.resealed} {verb}, {found.done_before} had the first key already.")
        if found.unreadable:
            raise CommandError(
                "No key in TOKEN_ENCRYPTION_KEYS opens the access token of: "
                + ", ".join(found.unreadable)
                + ". Nothing of it was changed: add the key it was saved with, or save the token anew.",
                returncode=1,
            )
        if check and found.resealed:
            raise CommandError("Keep the older keys, and run this command without --check.", returncode=1)
