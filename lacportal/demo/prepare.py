"""Brings the demo's database up to date and makes its people, workspace and API token, as far as they are missing.

Run as a process of its own: `python -m lacportal.demo.prepare FOLDER`. Prints one line of JSON.
"""

import json
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

from lacportal.demo.folder import DemoFolder, Secrets
from lacportal.demo.portal import TIME_ZONE

django.setup()

# Models can be imported only after the set-up above.
from exports.models import Membership, Role, TokenUnreadable, User, Workspace  # noqa: E402
from exports.models.secrets import unseal  # noqa: E402
from exports.services.api_tokens import authenticate, make_api_token  # noqa: E402
from exports.services.members import add_member  # noqa: E402
from exports.services.tokens import store_token  # noqa: E402
from exports.services.workspaces import create_workspace, find_workspace, update_workspace  # noqa: E402

WORKSPACE = "Demo"


def main(folder: DemoFolder) -> None:
    """Do it; safe to repeat."""
    call_command("migrate", interactive=False, verbosity=0)
    secrets = folder.secrets()
    people = {role: _person(role, password) for role, password in secrets.passwords.items()}
    workspace = _workspace(people["admin"], secrets)
    for role in Role:
        if not Membership.objects.filter(workspace=workspace, user=people[role]).exists():
            add_member(actor=None, workspace=workspace, user=people[role], role=role)
    known = authenticate(secrets.api_token)
    if known is None or known.user_id != people["member"].pk:
        _row, secrets.api_token = make_api_token(user=people["member"], name="make demo")
        folder.keep(secrets)
    sys.stdout.write(json.dumps({"workspace": str(workspace.pk), "name": workspace.name}) + "\n")


def email_of(role: str) -> str:
    """Return the address with which the demo's person of this role signs in."""
    return f"{role}@demo.example"


def _person(role: str, password: str) -> User:
    person = User.objects.filter(email=email_of(role)).first()
    if person is None:
        make = User.objects.create_superuser if role == "admin" else User.objects.create_user
        return make(email_of(role), password, name=f"Demo {role}")
    if not person.check_password(password):
        person.set_password(password)
        person.save(update_fields=["password"])
    return person


def _workspace(administrator: User, secrets: Secrets) -> Workspace:
    """Return the demo's workspace, at the simulator's present address and with a token that works there."""
    simulator = settings.ANALYTICS_CLOUD_ORIGINS[0]
    workspace = find_workspace(WORKSPACE)
    if workspace is None:
        return create_workspace(
            actor=None, name=WORKSPACE, base_url=simulator, time_zone=TIME_ZONE, token=secrets.workspace_token
        )
    if workspace.base_url != simulator:
        workspace = update_workspace(actor=administrator, workspace=workspace, base_url=simulator)
    if not _has_token(workspace):
        workspace = store_token(actor=None, workspace=workspace, token=secrets.workspace_token)
    return workspace


def _has_token(workspace: Workspace) -> bool:
    """Tell whether a token is stored that today's keys open. Which one is the visitor's business."""
    if not workspace.token_sealed:
        return False
    try:
        unseal(workspace.token_sealed)
    except TokenUnreadable:
        return False
    return True


if __name__ == "__main__":
    main(DemoFolder(Path(sys.argv[1])))
