"""The database refuses bad rows, whoever writes them: each constraint by its name."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import CheckConstraint, Model, UniqueConstraint
from django.utils import timezone

from exports.models import (
    AskedWindow,
    DerivedFile,
    Export,
    ExportEvent,
    Invitation,
    Mail,
    Membership,
    PauseCode,
    Preset,
    Requester,
    SavedView,
    Status,
    User,
    Workspace,
)
from exports.models.limits import Limits, Whom
from exports.services import events, words
from exports.services.variants import Variant
from tests.support.cast import Cast, make_export, make_ready_export

Bad = Callable[[Cast], Any]


def now() -> Any:
    """Return the time."""
    return timezone.now()


def twice(make: Callable[[], Any]) -> None:
    """Make a row and its equal."""
    make()
    make()


def update(queryset: Any, **values: Any) -> None:
    """Write past every model and service."""
    assert queryset.update(**values)


def acme(cast: Cast) -> Any:
    """Return the workspace's row."""
    return Workspace.objects.filter(pk=cast.acme.pk)


def person(cast: Cast) -> Any:
    """Return Bob's row."""
    return User.objects.filter(pk=cast.bob.pk)


def row(cast: Cast, status: Status) -> Any:
    """Return an export's row."""
    export = (
        make_ready_export(cast.acme, cast.bob) if status == Status.READY else make_export(cast.acme, cast.bob, status)
    )
    return Export.objects.filter(pk=export.pk)


def same_question(cast: Cast, first: Status, second: Status) -> None:
    """Make two exports of one question."""
    one = make_export(cast.acme, cast.bob, first)
    make_export(cast.acme, cast.bob, second, range_from=one.range_from, range_to=one.range_to)


def window(cast: Cast) -> AskedWindow:
    """Note a key as asked."""
    moment = cast.acme.created_at
    return AskedWindow.objects.create(
        workspace=cast.acme,
        data_type="page",
        asked_from=moment,
        asked_to=moment,
        first_asked_at=moment,
        last_asked_at=moment,
    )


def invitation(cast: Cast, email: str = "eve@example.com", **more: Any) -> Invitation:
    """Invite somebody, past every service."""
    values = {"role": "member", "digest": f"digest of {email}", "expires_at": now()} | more
    return Invitation.objects.create(workspace=cast.acme, email=email, **values)


BAD_ROWS: list[tuple[str, Bad]] = [
    ("workspace_name_unique_whatever_case", lambda cast: update(acme(cast), name="gLOBEX")),
    ("workspace_token_used_once", lambda cast: update(acme(cast), token_fingerprint=cast.globex.token_fingerprint)),
    ("workspace_pause_has_code", lambda cast: update(acme(cast), paused_at=now())),
    ("workspace_pause_has_code", lambda cast: update(acme(cast), pause_code="manager")),
    ("workspace_token_whole_or_absent", lambda cast: update(acme(cast), token_fingerprint="")),
    ("workspace_token_whole_or_absent", lambda cast: update(acme(cast), token_set_at=None)),
    (
        "workspace_token_whole_or_absent",
        lambda cast: update(acme(cast), token_sealed="", paused_at=now(), pause_code="manager"),
    ),
    (
        "workspace_without_token_is_paused",
        lambda cast: update(
            acme(cast), token_sealed="", token_fingerprint="", token_last4="", token_set_at=None, token_set_by=None
        ),
    ),
    ("workspace_retention_positive", lambda cast: update(acme(cast), retention_hours=0)),
    ("workspace_retention_positive", lambda cast: update(acme(cast), retention_hours=-1)),
    ("workspace_longest_positive", lambda cast: update(acme(cast), longest_hours=0)),
    ("membership_once", lambda cast: Membership.objects.create(workspace=cast.acme, user=cast.bob, role="viewer")),
    ("membership_role_known", lambda cast: update(Membership.objects.filter(user=cast.bob), role="owner")),
    ("export_one_active_per_question", lambda cast: same_question(cast, Status.QUEUED, Status.DOWNLOADING)),
    ("export_due_exactly_while_active", lambda cast: update(row(cast, Status.WAITING), due_at=None)),
    ("export_due_exactly_while_active", lambda cast: update(row(cast, Status.READY), due_at=now())),
    ("export_due_exactly_while_active", lambda cast: update(row(cast, Status.FAILED), due_at=now())),
    ("export_ready_has_file", lambda cast: update(row(cast, Status.READY), stored_name="")),
    ("export_ready_has_file", lambda cast: update(row(cast, Status.READY), sha256="")),
    ("export_ready_has_file", lambda cast: update(row(cast, Status.READY), bytes=None)),
    ("export_ready_has_file", lambda cast: update(row(cast, Status.READY), rows=None)),
    ("export_ready_has_file", lambda cast: update(row(cast, Status.READY), ready_at=None)),
    ("export_ready_has_file", lambda cast: update(row(cast, Status.READY), expires_at=None)),
    ("export_pinned_is_ready", lambda cast: update(row(cast, Status.EXPIRED), pinned_at=now())),
    ("export_ended_has_time", lambda cast: update(row(cast, Status.CANCELLED), ended_at=None)),
    ("export_ended_has_time", lambda cast: update(row(cast, Status.EXPIRED), ended_at=None)),
    ("export_ended_names_no_file", lambda cast: update(row(cast, Status.EXPIRED), stored_name="x")),
    ("export_ended_names_no_file", lambda cast: update(row(cast, Status.FAILED), stored_name="x")),
    ("export_failed_has_reason", lambda cast: update(row(cast, Status.FAILED), error_code="")),
    ("export_reason_ended_it", lambda cast: update(row(cast, Status.READY), error_code="file_lost")),
    (
        "export_range_in_order",
        lambda cast: make_export(cast.acme, cast.bob, range_from=now(), range_to=now() - timedelta(days=1)),
    ),
    ("export_status_known", lambda cast: update(row(cast, Status.EXPIRED), status="lost")),
    ("export_hold_is_queued", lambda cast: update(row(cast, Status.WAITING), hold="approval")),
    ("requester_once", lambda cast: twice(lambda: Requester.objects.create(export=any_export(cast), user=cast.bob))),
    ("asked_window_once", lambda cast: twice(lambda: window(cast))),
    (
        "derived_once",
        lambda cast: twice(lambda: DerivedFile.objects.create(export=any_export(cast), format="csv", variant="csv")),
    ),
    (
        "derived_ready_has_file",
        lambda cast: DerivedFile.objects.create(export=any_export(cast), format="csv", variant="csv", state="ready"),
    ),
    (
        "limits_once_for_many",
        lambda cast: twice(lambda: Limits.objects.create(workspace=cast.acme, whom=Whom.TOGETHER)),
    ),
    (
        "limits_once_for_a_person",
        lambda cast: twice(lambda: Limits.objects.create(workspace=cast.acme, whom=Whom.PERSON, user=cast.bob)),
    ),
    ("limits_name_their_person", lambda cast: Limits.objects.create(workspace=cast.acme, whom=Whom.PERSON)),
    (
        "limits_name_their_person",
        lambda cast: Limits.objects.create(workspace=cast.acme, whom=Whom.EACH, user=cast.bob),
    ),
    (
        "preset_name_once_for_the_workspace",
        lambda cast: [
            Preset.objects.create(workspace=cast.acme, user=user, name=name, is_shared=True)
            for user, name in ((cast.bob, "Monthly"), (cast.alice, "MONTHLY"))
        ],
    ),
    (
        "preset_name_once_for_a_person",
        lambda cast: twice(lambda: Preset.objects.create(workspace=cast.acme, user=cast.bob, name="Monthly")),
    ),
    ("saved_view_name_once", lambda cast: twice(lambda: SavedView.objects.create(user=cast.bob, name="Failed"))),
    (
        "invitation_open_once",
        lambda cast: [invitation(cast, email) for email in ("eve@example.com", "EVE@example.com")],
    ),
    ("invitation_role_known", lambda cast: invitation(cast, role="owner")),
    ("invitation_ends_once", lambda cast: invitation(cast, accepted_at=now(), revoked_at=now())),
    ("mail_to_one", lambda cast: Mail.objects.create(key="to nobody", kind=Mail.Kind.INVITED, workspace=cast.acme)),
    (
        "mail_to_one",
        lambda cast: Mail.objects.create(
            key="to both", kind=Mail.Kind.INVITED, workspace=cast.acme, user=cast.bob, invitation=invitation(cast)
        ),
    ),
    (
        "user_email_unique_whatever_case",
        lambda cast: update(User.objects.filter(pk=cast.bob.pk), email="ALICE@example.com"),
    ),
]


def any_export(cast: Cast) -> Export:
    """Return the one export there is."""
    return Export.objects.filter(workspace=cast.globex).first() or make_export(cast.globex, cast.charlie)


def constraints() -> dict[str, CheckConstraint | UniqueConstraint]:
    """Return every constraint of every model, by name."""
    models = apps.get_app_config("exports").get_models()
    return {str(constraint.name): constraint for model in models for constraint in model._meta.constraints}  # type: ignore[misc]


def test_every_constraint_has_a_bad_row() -> None:
    assert {name for name, _bad in BAD_ROWS} == set(constraints())


@pytest.mark.parametrize(("name", "bad"), BAD_ROWS, ids=[f"{n}-{name}" for n, (name, _bad) in enumerate(BAD_ROWS)])
def test_bad_row_is_refused_by_name(cast: Cast, name: str, bad: Bad) -> None:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        bad(cast)
    if connection.vendor == "postgresql":
        assert refusal.value.__cause__.diag.constraint_name == name  # type: ignore[union-attr]
        return
    constraint = constraints()[name]
    if isinstance(constraint, UniqueConstraint) and constraint.fields:
        # SQLite names the columns of a unique index, not the index.
        last = str(refusal.value).rpartition(".")[2]
        assert last.removesuffix("_id") == constraint.fields[-1]
    else:
        assert name in str(refusal.value)


@pytest.mark.parametrize("ended", [Status.FAILED, Status.CANCELLED, Status.EXPIRED])
def test_question_may_be_asked_again_once_the_other_has_ended(cast: Cast, ended: Status) -> None:
    same_question(cast, ended, Status.QUEUED)


@pytest.mark.parametrize(
    ("model", "field", "codes"),
    [
        (Export, "error_code", words.PROBLEMS),
        (Export, "last_problem", [*words.PROBLEMS, *words.FAULTS]),
        (Export, "waiting_code", [*words.WAITS, "workspace_paused"]),
        (Export, "status", Status.values),
        (ExportEvent, "code", events.ALL_CODES),
        (Workspace, "pause_code", PauseCode.values),
        (DerivedFile, "variant", [Variant("parquet", False, "semicolon", False, True).name]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_column_is_wide_enough_for_every_code(model: type[Model], field: str, codes: Iterable[str]) -> None:
    """PostgreSQL cuts no text: it refuses it."""
    width = model._meta.get_field(field).max_length  # type: ignore[union-attr]
    assert width is not None
    assert max(len(code) for code in codes) <= width


def test_names_of_constraints_are_short_enough_for_postgresql() -> None:
    assert all(len(name) <= 63 for name in constraints())
