"""Every page there is, and the pages of every state: who sees it, where, and what is in the database then."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.utils import timezone
from django.utils.http import urlencode

from exports.models import (
    DataType,
    DerivedFile,
    Export,
    PauseCode,
    Preset,
    Role,
    SavedView,
    Status,
    User,
    Workspace,
)
from exports.services.api_tokens import make_api_token
from exports.services.bundles import queue_bundle
from exports.services.formats import make_format
from exports.services.invitations import invite
from exports.services.masking import set_masking
from exports.services.profiles import look_at_profile
from exports.web import bundle
from tests.security.addresses import Address, every_address, keys_for
from tests.security.test_matrix import PEOPLE, ROWS
from tests.support.cast import OCTOBER, Cast, make_export, make_person, make_ready_export, zip_of

LONG = "Quartalsauswertung der Einstiegsseiten mit Kampagnenparametern für Vorstand und Vertrieb 2026"
UNBROKEN = "https://www.example.com/" + "very-long-path-without-a-break/" * 3
JAPANESE = "四半期レビュー用のページ閲覧データ（営業本部・マーケティング部共有）"
ERRORS = ("upstream_failed", "upstream_stuck", "file_not_an_object", "rejected_outside_retention", "invented_later")

_WRONG = "/exports/new/?types=&range=exact&exact_from=2026-11-02T00:00&exact_to=2026-11-01T00:00"

# Answers that are no pages.
NO_PAGES = {
    "export-download",
    "export-preview",  # part of the form
    "mfa_reauthenticate_webauthn",  # a page for who has a key
    "workspace-audit-csv",
    "workspace-audit-jsonl",
    "audit-csv",
    "audit-jsonl",
    "health-live",
    "health-ready",
}


@dataclass(frozen=True)
class Scene:
    """A page as one person meets it.

    Attributes:
        prepare: makes what the page shows; returns its path.
        press: selector of a button to press there: the page that answers is the one meant.
    """

    name: str
    who: str
    prepare: Callable[[Cast], str]
    status: int = 200
    press: str = ""


def pages(who: str) -> Iterator[Scene]:
    """Yield every address that answers this person with a page, by the matrix of addresses and roles."""
    for address in every_address():
        if address.is_api or address.is_admin or address.name in NO_PAGES:
            continue
        if ROWS[address.name][0].split()[PEOPLE.index(who)] == "200":
            yield Scene(address.name, who, _path_of(address))


def _path_of(address: Address) -> Callable[[Cast], str]:
    return lambda cast: address.path(keys_for(address, cast))


def states() -> Iterator[Scene]:
    """Yield the pages of every state that changes how a page looks."""
    for status in Status:
        if status != Status.READY:
            yield Scene(f"export, {status}", "alice", lambda cast, status=status: _url(_make(cast, status)))
    for code in ERRORS:
        yield Scene(
            f"export, failed: {code}",
            "bob",
            lambda cast, code=code: _url(
                make_export(cast.acme, cast.bob, Status.FAILED, error_code=code, error_line=17)
            ),
        )
    yield Scene("export, ready", "bob", lambda cast: _url(ready(cast)))
    yield Scene("export, ready, its end near", "vera", lambda cast: _url(ready(cast, left=timedelta(minutes=20))))
    yield Scene("export with long names", "ada", lambda cast: _url(ready(cast, name=LONG, note=UNBROKEN)))
    yield Scene("export held for approval", "alice", lambda cast: _url(_held(cast)))
    yield Scene("preview not yet made", "bob", lambda cast: _url(ready(cast)) + "preview/")
    for view in ("", "?tab=columns", "?tab=charts", "?row=1"):
        yield Scene(f"preview {view}", "bob", lambda cast, view=view: _url(_profiled(cast)) + "preview/" + view)
    yield Scene("list of everything", "ada", _full_list)
    yield Scene("list without a match", "alice", lambda cast: "/?q=nothing-is-called-like-this")
    yield Scene("list of somebody in no workspace", "nemo", lambda cast: "/")
    yield Scene("asking as somebody in no workspace", "nemo", lambda cast: "/exports/new/")
    yield Scene("workspaces of somebody in none", "nemo", lambda cast: "/workspaces/")
    yield Scene("form with everything wrong", "bob", lambda cast: _WRONG, 422, 'main form [type="submit"]')
    yield Scene("form with presets", "alice", _form_with_presets)
    yield Scene("types asked together", "bob", _asked_together)
    yield Scene("list with a saved view and every filter", "alice", _list_with_views)
    yield Scene("workspace without a token", "alice", lambda cast: _paused(cast, PauseCode.TOKEN_MISSING))
    yield Scene("workspace whose token was rejected", "alice", lambda cast: _paused(cast, PauseCode.TOKEN_REJECTED))
    yield Scene("workspace paused by its manager, to a viewer", "vera", lambda cast: _paused(cast, PauseCode.MANAGER))
    yield Scene("list with a paused workspace", "bob", _list_with_pause)
    yield Scene("workspace with people invited", "alice", _invited)
    yield Scene("export with masked columns", "vera", _masked)
    yield Scene("passkeys and recovery codes", "alice", _with_second_factors)
    yield Scene("list of passkeys", "alice", lambda cast: _with_second_factors(cast) + "webauthn/")
    yield Scene("account with tokens", "alice", _account_with_tokens)
    yield Scene("not found", "bob", lambda cast: "/nowhere/", 404)
    yield Scene("not found, to nobody", "nobody", lambda cast: "/nowhere/", 404)
    yield Scene("an address of forms", "bob", lambda cast: "/exports/presets/", 405)
    yield Scene("not allowed", "bob", lambda cast: f"/workspaces/{cast.acme.pk}/limits/", 403)
    yield Scene("file that is gone", "bob", _gone, 410)


def _url(export: Export) -> str:
    return f"/exports/{export.pk}/"


def _make(cast: Cast, status: Status) -> Export:
    now = timezone.now()
    fields: dict[str, object] = {"name": JAPANESE, "note": LONG}
    if status == Status.DOWNLOADING:
        fields |= {"bytes_received": 123_456_789, "submitted_at": now - timedelta(minutes=40)}
    if status in (Status.WAITING, Status.PREPARING):
        fields |= {
            "submitted_at": now - timedelta(minutes=12),
            "upstream_created_at": now - timedelta(minutes=12),
            "estimated_ready_at": now + timedelta(minutes=18),
            "estimate_basis": "8",
            "looks": 4,
        }
    if status == Status.EXPIRED:
        fields |= {"rows": 12_345, "bytes": 1_234_567, "sha256": "a" * 64, "ready_at": now - timedelta(days=1)}
    return make_export(cast.acme, cast.bob, status, **fields)


def ready(cast: Cast, *, left: timedelta = timedelta(hours=20), **fields: object) -> Export:
    """Make a ready export of fifty rows with a full receipt."""
    now = timezone.now()
    rows = b"".join(
        b'{"canonicalUrl":"https://www.example.com/%d","title":"\xe3\x83\x9a\xe3\x83\xbc\xe3\x82\xb8 %d","views":%d,'
        b'"eventDate":"2026-10-%02dT0%d:00:00.000Z","deviceType":"Phone","country":"Japan"}\n'
        % (number, number, number * 7, number % 28 + 1, number % 10)
        for number in range(50)
    )
    values: dict[str, object] = {
        "rows": 50,
        "first_date": now - timedelta(days=30),
        "last_date": now,
        "upstream_wait_seconds": 214,
        "upstream_work_seconds": 731,
        "unpacked_bytes": len(rows),
        "expires_at": now + left,
        "data_type": DataType.PAGE,
    }
    return make_ready_export(cast.acme, cast.bob, zip_of(rows), **(values | fields))


def _profiled(cast: Cast) -> Export:
    export = ready(cast)
    look_at_profile(user=cast.bob, export=export)
    make_format(DerivedFile.objects.get(export=export).pk)
    return export


def _held(cast: Cast) -> Export:
    return make_export(cast.acme, cast.bob, Status.QUEUED, hold="approval", waiting_code="approval")


def _full_list(cast: Cast) -> str:
    for status in Status:
        if status != Status.READY:
            _make(cast, status)
    ready(cast, name=LONG)
    ready(cast, name=UNBROKEN[:110], left=timedelta(minutes=5))
    make_export(cast.globex, cast.charlie, Status.FAILED, error_code="upstream_failed")
    return "/"


def _form_with_presets(cast: Cast) -> str:
    Preset.objects.get_or_create(workspace=cast.acme, user=cast.alice, name="Monthly")
    shared, _made = Preset.objects.get_or_create(
        workspace=cast.acme, user=cast.bob, name=JAPANESE, is_shared=True, defaults={"question": {"range": "days"}}
    )
    return f"/exports/new/?preset={shared.pk}"


def _asked_together(cast: Cast) -> str:
    answers = queue_bundle(
        user=cast.bob,
        workspace=cast.acme,
        data_types=DataType.values,
        range_from=OCTOBER[0],
        range_to=OCTOBER[1],
        name=LONG,
    )
    return f"/exports/asked/?{urlencode({'r': bundle.pack(cast.bob, answers)})}"


def _list_with_views(cast: Cast) -> str:
    SavedView.objects.get_or_create(user=cast.alice, name=JAPANESE, query="status=active")
    _full_list(cast)
    return "/?status=active&order=oldest&more=1"


def _paused(cast: Cast, code: PauseCode) -> str:
    Workspace.objects.filter(pk=cast.acme.pk).update(pause_code=code, paused_at=timezone.now() - timedelta(hours=3))
    return f"/workspaces/{cast.acme.pk}/"


def _list_with_pause(cast: Cast) -> str:
    _paused(cast, PauseCode.TOKEN_REJECTED)
    make_export(cast.acme, cast.bob, Status.QUEUED)
    return "/"


def _invited(cast: Cast) -> str:
    invite(actor=cast.alice, workspace=cast.acme, email=f"{'a-very-long-name' * 3}@example.com", role=Role.MEMBER)
    return f"/workspaces/{cast.acme.pk}/"


def _masked(cast: Cast) -> str:
    set_masking(actor=cast.alice, workspace=cast.acme, columns=["canonicalUrl"], roles=["viewer"])
    cast.acme.refresh_from_db()
    return _url(ready(cast))


def _with_second_factors(cast: Cast) -> str:
    for kind, data in (
        ("webauthn", {"name": "Laptop", "credential": {"clientExtensionResults": {"credProps": {"rk": True}}}}),
        ("recovery_codes", {"seed": "0" * 40, "used_mask": 0}),
    ):
        Authenticator.objects.get_or_create(user=cast.alice, type=kind, defaults={"data": data})
    return "/accounts/2fa/"


def _account_with_tokens(cast: Cast) -> str:
    make_api_token(user=cast.alice, name="warehouse")
    return "/account/"


def _gone(cast: Cast) -> str:
    return f"/exports/{_make(cast, Status.EXPIRED).pk}/download/"


def person_of(cast: Cast, who: str) -> User | None:
    """Return the person of a scene; nobody is None, and Nemo belongs nowhere."""
    if who == "nobody":
        return None
    if who == "nemo":
        return User.objects.filter(email="nemo@example.com").first() or make_person("Nemo")
    return getattr(cast, who)  # type: ignore[no-any-return]
