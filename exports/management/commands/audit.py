"""``manage.py audit``: checks every invariant of database and disk."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from exports.management.sentences import refusals_as_sentences
from exports.services.invariants import find_violations


class Command(BaseCommand):
    """Prints one line per violation and exits 1; says so and exits 0 when there is none."""

    help = "Check every invariant of database and disk; one line per violation, exit 1."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run all checks. May run beside live workers."""
        count = 0
        with refusals_as_sentences():
            for line in find_violations():
                self.stdout.write(line)
                count += 1
        if count:
            raise CommandError(f"{count} violation{'s' if count > 1 else ''}", returncode=1)
        self.stderr.write("No violations.")
