"""Two secrets go the whole way, through faults too, and are then looked for in all that was written."""

import io
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core import mail
from django.db import connection
from django.test import Client

from exports.models import Export, Status
from exports.services.api_tokens import make_api_token
from exports.services.token_test import test_token as try_token
from exports.services.tokens import set_token
from tests.engine.conftest import make_world as make_world
from tests.engine.world import TOKEN, World
from tests.support.cast import content_of
from tests.web.conftest import BACKEND

CANARY = "canary-of-a-workspace-token-0123456789abcdefghijklmnop"
REJECTED = "canary-of-a-rejected-token-0123456789abcdefghijklmnop"


@pytest.fixture
def log(settings: LazySettings) -> Iterator[io.StringIO]:
    """Everything that is logged, from the finest level on, as the portal's own handler writes it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


def database() -> bytes:
    """Return all rows of all tables as the file holds them, the write-ahead log included where there is one."""
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            rows.append(repr(cursor.fetchall()))
    whole = "".join(rows).encode()
    if connection.vendor == "sqlite":
        file = Path(str(connection.settings_dict["NAME"]))
        for one in (file, Path(f"{file}-wal")):
            whole += one.read_bytes() if one.exists() else b""
    return whole


def test_token_is_found_nowhere_after_a_life_with_faults(make_world, log: io.StringIO, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    world: World = make_world(tokens={"acme": CANARY})
    assert CANARY != TOKEN
    world.tolerated |= {"token"}
    seen: list[bytes] = []
    client = Client(raise_request_exception=False)
    client.force_login(world.alice, backend=BACKEND)
    _row, personal = make_api_token(user=world.alice, name="nightly")

    def look(path: str, **data: str) -> None:
        answer = client.post(path, data) if data else client.get(path)
        seen.append(content_of(answer) + repr(answer.headers).encode() + repr(answer.cookies).encode())

    workspace = f"/workspaces/{world.acme.pk}/"
    look(workspace + "token/", token=REJECTED + " ", anyway="on")
    look(workspace + "token/", token=f"Bearer {CANARY}")
    look(workspace + "token/", token=CANARY + "é")
    set_token(actor=world.alice, workspace=world.acme, token=REJECTED)
    try_token(actor=world.alice, workspace=world.acme)
    look(workspace)
    set_token(actor=world.alice, workspace=world.acme, token=CANARY)
    try_token(actor=world.alice, workspace=world.acme)
    export = world.queue()
    world.until_status(export, Status.READY)
    for path in (
        "/",
        workspace,
        workspace + "audit/",
        f"/exports/{export.pk}/",
        "/account/",
        "/workspaces/",
        "/nowhere/",
    ):
        look(path)
    calls = {"Authorization": f"Bearer {personal}"}
    for path in ("workspaces", f"exports/{export.pk}", f"exports/{export.pk}/file", "nowhere"):
        seen.append(content_of(client.get(f"/api/v1/{path}", headers=calls)))
    body = {"token": f"{CANARY}\n"}
    answer = client.put(
        f"/api/v1/workspaces/{world.acme.pk}/token", body, content_type="application/json", headers=calls
    )
    seen.append(content_of(answer))
    answer = client.put(
        f"/api/v1/workspaces/{world.acme.pk}/token",
        {"token": CANARY, "expires_at": "never"},
        content_type="application/json",
        headers=calls,
    )
    seen.append(content_of(answer))
    files = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    places = {
        "pages": b"".join(seen),
        "log": log.getvalue().encode(),
        "database": database(),
        "files": files,
        "mails": b"".join(message.message().as_bytes() for message in mail.outbox),
        "rows": repr(list(Export.objects.values())).encode(),
    }
    for name, content in places.items():
        for secret in (CANARY, REJECTED, personal):
            assert secret.encode() not in content, (name, secret)
    assert len(places["pages"]) > 10_000
    assert b"export" in places["log"]


def test_client_shows_no_token_in_a_traceback(make_world) -> None:  # type: ignore[no-untyped-def]
    """Reporters of errors print the variables of every frame by their repr."""
    world: World = make_world(tokens={"acme": CANARY})
    set_token(actor=world.alice, workspace=world.acme, token=CANARY)
    export = world.queue()
    from exports.services.upstream import make_client  # noqa: PLC0415 - its frames are looked into

    client = make_client(world.see(export).workspace)
    with client:
        texts = [repr(client), repr(vars(client)) if hasattr(client, "__dict__") else ""]
    try:
        raise RuntimeError(client)
    except RuntimeError as error:
        texts += traceback.TracebackException.from_exception(error, capture_locals=True).format()
    token = world.see(export).workspace.read_token()
    texts += [repr(token), str(token), f"{token}"]
    assert token.reveal() == CANARY
    assert CANARY not in "".join(texts)
