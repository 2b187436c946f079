"""Several types asked together: an export for each, and each with an answer of its own."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from exports.models import User, Workspace
from exports.services.queue import Queued, queue_export
from exports.services.refusals import Forbidden, Refusal


@dataclass(frozen=True)
class Answered:
    """What became of one type: an export that answers it, or a refusal."""

    data_type: str
    queued: Queued | None = None
    refusal: Refusal | None = None


def queue_bundle(
    *,
    user: User,
    workspace: Workspace,
    data_types: Iterable[str],
    range_from: datetime,
    range_to: datetime,
    name: str = "",
    note: str = "",
    fresh: bool = False,
    formats: Collection[str] = (),
) -> list[Answered]:
    """Queue, join or reuse an export for each type; one that is refused doesn't keep the others back.

    Args:
        data_types: asked in this order; each once.
        formats: made of each file as soon as it is ready.

    Raises:
        Forbidden: the person is a viewer or a stranger here.
    """
    answers = []
    for data_type in dict.fromkeys(data_types):
        try:
            queued = queue_export(
                user=user,
                workspace=workspace,
                data_type=data_type,
                range_from=range_from,
                range_to=range_to,
                name=name,
                note=note,
                fresh=fresh,
                formats=formats,
            )
        except Forbidden:
            raise
        except Refusal as refusal:
            answers.append(Answered(data_type, refusal=refusal))
        else:
            answers.append(Answered(data_type, queued))
    return answers
