"""What became of types asked together, carried in the address of the page that shows it: signed, its person's own."""

from dataclasses import dataclass
from uuid import UUID

from django.core import signing
from django.db.models import OuterRef, Subquery
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from exports.models import DataType, Requester, User
from exports.services import health
from exports.services.bundles import Answered
from exports.services.listing import exports_for
from exports.services.queue import Outcome
from exports.web.explain import FORMATS, TYPES, FormatWords, labels_of
from exports.web.rows import RowView, roles_in, row_views

SALT = "exports.asked"
REFUSED = "refused"


@dataclass(frozen=True)
class OutcomeLook:
    """How an answer is told: a word, and a sentence about it."""

    icon: str
    tone: str
    label: Promise
    sentence: Promise


OUTCOMES: dict[str, OutcomeLook] = {
    Outcome.MADE: OutcomeLook("plus", "good", _("New"), _("A new export.")),
    Outcome.JOINED: OutcomeLook(
        "user-plus", "good", _("Joined"), _("An equal export was running: you have joined it.")
    ),
    Outcome.REUSED: OutcomeLook("file-check", "good", _("There already"), _("A file that is ready answers this.")),
    REFUSED: OutcomeLook("alert-circle", "bad", _("Refused"), _("Nothing was asked for this type.")),
}


@dataclass(frozen=True)
class AskedView:
    """One type of a bundle with its answer; ``row`` is None when it was refused, or is gone."""

    data_type: str
    type_label: str
    type_icon: str
    outcome: str
    look: OutcomeLook
    why: str
    row: RowView | None
    is_masked: bool
    wanted: tuple[tuple[str, FormatWords], ...]

    @property
    def wanted_labels(self) -> list[str]:
        """The formats that the person wants of the file, as people read them."""
        return labels_of(name for name, _words in self.wanted)


def pack(user: User, answers: list[Answered]) -> str:
    """Return the answers as a text for an address."""
    rows = [
        [one.data_type, one.queued.outcome.value if one.queued else REFUSED, _key_or_reason(one)] for one in answers
    ]
    return signing.dumps(rows, salt=f"{SALT}.{user.pk}", compress=True)


def _key_or_reason(one: Answered) -> str:
    if one.queued is not None:
        return one.queued.export.pk.hex
    assert one.refusal is not None
    return str(one.refusal.message)


def unpack(user: User, text: str) -> list[AskedView]:
    """Return the answers with their exports as they stand now (a handful of queries); nothing for a text not ours."""
    try:
        rows = signing.loads(text, salt=f"{SALT}.{user.pk}")
    except signing.BadSignature:
        return []
    keys = [UUID(hex=last) for _type, outcome, last in rows if outcome != REFUSED]
    own = Requester.objects.filter(user=user, export=OuterRef("pk")).values("formats")
    exports = list(exports_for(user).filter(pk__in=keys).annotate(wanted=Subquery(own[:1])))
    views = {view.id: view for view in row_views(exports, health.state())}
    roles = roles_in(user, views.values())
    wanted = {str(one.pk): tuple((name, FORMATS[name]) for name in one.wanted or ()) for one in exports}
    seen = [None if outcome == REFUSED else views.get(str(UUID(hex=last))) for _type, outcome, last in rows]
    return [
        AskedView(
            data_type=data_type,
            type_label=str(DataType(data_type).label),
            type_icon=TYPES[data_type].icon,
            outcome=outcome,
            look=OUTCOMES[outcome],
            why=last if outcome == REFUSED else "",
            row=row,
            is_masked=row is not None and row.is_masked_for(roles.get(row.workspace_id)),
            wanted=wanted.get(row.id, ()) if row is not None else (),
        )
        for (data_type, outcome, last), row in zip(rows, seen, strict=True)
    ]
