"""``add_member --workspace --email --role``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from exports.management.sentences import person, refusals_as_sentences, workspace
from exports.models import Membership, Role
from exports.services.members import add_member, change_role


class Command(BaseCommand):
    """Lets a person into a workspace, or changes the role of one who belongs to it."""

    help = "Lets a person into a workspace; of somebody who belongs to it already, changes the role."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, help="its name or id")
        parser.add_argument("--email", required=True, help="of somebody who can sign in")
        parser.add_argument("--role", required=True, help=", ".join(Role.values))

    def handle(self, *args: Any, **options: Any) -> None:
        where = workspace(options["workspace"])
        user = person(options["email"])
        role = options["role"].strip().lower()
        with refusals_as_sentences():
            before = Membership.objects.filter(workspace=where, user=user).values_list("role", flat=True).first()
            if before is None:
                add_member(actor=None, workspace=where, user=user, role=role)
                return
            change_role(actor=None, workspace=where, user=user, role=role)
        self.stderr.write(f"{user.email} belongs to {where.name} already; the role was {before} and is {role} now.")
