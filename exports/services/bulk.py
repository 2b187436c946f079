"""The same deed for several exports: each by its own service, with its own entry on record and its own answer."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from exports.models import Export, User
from exports.services import cancel, queue
from exports.services.listing import exports_for
from exports.services.queue import Queued
from exports.services.refusals import Refusal, Refused

MOST = 100


@dataclass(frozen=True)
class Done:
    """What became of one export: ``queued`` after it was run again, ``refusal`` when nothing was done."""

    export: Export
    queued: Queued | None = None
    refusal: Refusal | None = None


def read_keys(texts: Iterable[str]) -> list[UUID]:
    """Read the keys of exports that somebody picked, each once.

    Raises:
        Refused: nothing was picked, more than `MOST` were, or one is no key.
    """
    try:
        keys = [UUID(text) for text in dict.fromkeys(texts)]
    except ValueError:
        raise Refused("not_an_id", _("This is not an id."), "pick") from None
    if not keys:
        raise Refused("none_picked", _("Choose at least one export first."), "pick")
    if len(keys) > MOST:
        raise Refused("too_many_picked", _("At most %(most)d exports at a time, please.") % {"most": MOST}, "pick")
    return keys


def picked(user: User, keys: Sequence[UUID]) -> list[Export]:
    """Return those of the exports that the person may see, in the order of ``keys``.

    Raises:
        Refused: none of them.
    """
    found = {export.pk: export for export in exports_for(user).filter(pk__in=keys)}
    exports = [found[key] for key in keys if key in found]
    if not exports:
        raise Refused("unknown_exports", _("These exports don’t exist any more."), "pick")
    return exports


def cancel_many(*, user: User, exports: Iterable[Export]) -> list[Done]:
    """Cancel each, or step back from it, as the person may."""

    def deed(export: Export) -> None:
        cancel.cancel_export(user=user, export=export)

    return _each(exports, deed)


def run_many_again(*, user: User, exports: Iterable[Export]) -> list[Done]:
    """Ask the question of each afresh."""
    return _each(exports, lambda export: queue.run_again(user=user, export=export))


def _each(exports: Iterable[Export], deed: Callable[[Export], Queued | None]) -> list[Done]:
    done = []
    for export in exports:
        try:
            done.append(Done(export, queued=deed(export)))
        except Refusal as refusal:
            done.append(Done(export, refusal=refusal))
    return done
