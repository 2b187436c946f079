"""The same five people in every test: Alice manages Acme, Bob is a member, Vera looks on, Charlie is a stranger who
manages Globex, Ada is a site administrator and belongs nowhere."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections
from django.test import Client
from django.utils import timezone

from exports.models import (
    ACTIVE,
    AuditEntry,
    DataType,
    Export,
    Membership,
    Requester,
    Role,
    Scope,
    Status,
    UpstreamHost,
    User,
    Workspace,
)
from exports.models.secrets import fingerprint, seal
from exports.services import audit_log, stored
from exports.services.api_tokens import make_api_token
from exports.services.workspaces import create_workspace

BASE_URL = "https://analytics.liferay.com"
ACME_TOKEN = "acme-token-of-the-tests-0123456789abcdefghijklmnopqrst"
GLOBEX_TOKEN = "globex-token-of-the-tests-0123456789abcdefghijklmnopq"
STORE_THAT_IS_AWAY = "s3://key:sesame@127.0.0.1:1/bucket?scheme=http"
OCTOBER = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 31, 23, 59, 59, 999000, tzinfo=UTC))
ROWS = b'{"canonicalUrl":"https://www.example.com/home","title":"Home"}\n' * 3

_numbers: Iterator[int] = count(1)


@dataclass(frozen=True)
class Cast:
    """Who is who, and where."""

    alice: User
    bob: User
    vera: User
    charlie: User
    ada: User
    acme: Workspace
    globex: Workspace


def make_person(name: str, **fields: Any) -> User:
    """Make a person with the e-mail address <name>@example.com and no usable password."""
    return User.objects.create_user(f"{name.lower()}@example.com", name=name, **fields)


def make_workspace(name: str, *, token: str | None = None, time_zone: str = "UTC", **members: User) -> Workspace:
    """Make a workspace; ``members`` are people by role, such as ``manager=alice``."""
    workspace = create_workspace(actor=None, name=name, base_url=BASE_URL, time_zone=time_zone, token=token)
    for role, user in members.items():
        Membership.objects.create(workspace=workspace, user=user, role=Role(role))
    return workspace


def make_cast() -> Cast:
    """Make the five people and two workspaces, each with a token.

    Thousands of tests begin with them: the rows are those that the services make (tests/services/test_cast.py
    compares them), written with a fifth of the questions to the database.
    """
    people = User.objects.bulk_create(
        [_person("Alice"), _person("Bob"), _person("Vera"), _person("Charlie"), _person("Ada", administers=True)]
    )
    alice, bob, vera, charlie, ada = people
    now = timezone.now()
    host = UpstreamHost.objects.filter(origin=BASE_URL).first() or UpstreamHost.objects.create(origin=BASE_URL)
    acme, globex = Workspace.objects.bulk_create(
        [
            Workspace(
                name=name,
                host=host,
                created_at=now,
                resumed_at=now,
                token_sealed=seal(token),
                token_last4=token[-4:],
                token_set_at=now,
                token_fingerprint=fingerprint(token),
            )
            for name, token in (("Acme", ACME_TOKEN), ("Globex", GLOBEX_TOKEN))
        ]
    )
    AuditEntry.objects.bulk_create(
        [
            AuditEntry(
                action=audit_log.WORKSPACE_CREATED,
                workspace=workspace,
                workspace_name=workspace.name,
                subject=workspace.name,
                data={"base_url": BASE_URL, "with_token": True},
            )
            for workspace in (acme, globex)
        ]
    )
    Membership.objects.bulk_create(
        [
            Membership(workspace=acme, user=alice, role=Role.MANAGER),
            Membership(workspace=acme, user=bob, role=Role.MEMBER),
            Membership(workspace=acme, user=vera, role=Role.VIEWER),
            Membership(workspace=globex, user=charlie, role=Role.MANAGER),
        ]
    )
    return Cast(*people, acme, globex)


def _person(name: str, *, administers: bool = False) -> User:
    email = f"{name.lower()}@example.com"
    person = User(email=email, name=name, is_staff=administers, is_superuser=administers)
    person.set_unusable_password()
    return person


def make_export(workspace: Workspace, user: User, status: Status = Status.QUEUED, **fields: Any) -> Export:
    """Make an export in any status; each has a range of its own, so that none equals another."""
    number = next(_numbers)
    now = timezone.now()
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    values: dict[str, Any] = {
        "data_type": DataType.PAGE,
        "range_from": start,
        "range_to": start + timedelta(days=1),
        "created_at": now,
    }
    if status in ACTIVE:
        values |= {"due_at": now + timedelta(minutes=5), "waiting_code": "turn", "waiting_since": now}
    elif status != Status.READY:
        values["ended_at"] = now
    if status == Status.FAILED:
        values["error_code"] = "upstream_failed"
    export = Export.objects.create(workspace=workspace, requested_by=user, status=status, **(values | fields))
    Requester.objects.create(export=export, user=user, joined_at=export.created_at)
    return export


def zip_of(rows: bytes) -> bytes:
    """Return an archive as Analytics Cloud sends it (analytics-cloud-api.md §4)."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", rows)
    return whole.getvalue()


def make_ready_export(
    workspace: Workspace, user: User, content: bytes | None = None, *, file_kind: str = "zip", **fields: Any
) -> Export:
    """Make a ready export whose file lies in the store."""
    content = zip_of(ROWS) if content is None else content
    now = timezone.now()
    values: dict[str, Any] = {
        "status": Status.READY,
        "fence": 7,
        "file_kind": file_kind,
        "bytes": len(content),
        "bytes_received": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": _rows_in(content),
        "submitted_at": now - timedelta(minutes=20),
        "ready_at": now,
        "expires_at": now + timedelta(hours=24),
    }
    export = make_export(workspace, user, **{"stored_name": "-", **values, **fields})
    export.stored_name = f"{export.pk}-{export.fence}"
    export.save(update_fields=["stored_name"])
    storage = stored.storage()
    storage.part_path(export.stored_name).write_bytes(content)
    storage.publish(export.stored_name)
    return export


def _rows_in(content: bytes) -> int:
    """Return how many lines a ZIP's entry, or bare JSON Lines, have; of what is no whole ZIP, some number."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = archive.read(archive.namelist()[0])
    except zipfile.BadZipFile:
        pass
    return len([line for line in content.splitlines() if line.strip()])


def content_of(answer: Any) -> bytes:
    """Return the whole body, streamed or not, and close the answer as a web server does."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    close(answer)
    return body


def close(answer: Any) -> None:
    """Close an answer as a web server does, but leave the test its connection to the database."""
    if not answer.closed:
        request_finished.disconnect(close_old_connections)
        try:
            answer.close()
        finally:
            request_finished.connect(close_old_connections)


class ApiCaller:
    """A program with a personal token. Paths are those after ``/api/v1/``."""

    def __init__(self, user: User | None, scopes: list[Scope] | None = None) -> None:
        self.text = make_api_token(user=user, name="test", scopes=scopes)[1] if user is not None else ""
        self.client = Client(raise_request_exception=False)

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Send a request; ``body`` goes as JSON, ``data`` as it is."""
        if self.text:
            more["headers"] = {"Authorization": f"Bearer {self.text}", **more.get("headers", {})}
        if body is not None:
            more |= {"data": body, "content_type": "application/json"}
        elif "data" in more:
            more.setdefault("content_type", "application/json")
        return getattr(self.client, method.lower())(f"/api/v1/{path}", **more)

    def get(self, path: str, **more: Any) -> Any:
        """Send a GET."""
        return self.send("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        """Send a POST."""
        return self.send("POST", path, body, **more)

    def put(self, path: str, body: Any = None, **more: Any) -> Any:
        """Send a PUT."""
        return self.send("PUT", path, body, **more)


@pytest.fixture
def cast(db: None) -> Cast:
    """The five people and their two workspaces."""
    return make_cast()
