"""The timeline: one named function call per thing that happens to an export."""

from datetime import datetime
from typing import Any

from exports.models import Export, ExportEvent, User

# Each code has its sentence in exports/services/words.py; a test compares the two.
QUEUED = "queued"
JOINED = "joined"
REUSED = "reused"
LEFT = "left"
ASKED = "asked"
ASKED_SHIFTED = "asked_shifted"
WAITING_UPSTREAM = "waiting_upstream"
PREPARING = "preparing"
FAILED_UPSTREAM = "failed_upstream"
STUCK_UPSTREAM = "stuck_upstream"
PROBLEM = "problem"
RECOVERED = "recovered"
DOWNLOADING = "downloading"
DOWNLOAD_BROKEN = "download_broken"
HANDED_BACK = "handed_back"
STORAGE_FULL = "storage_full"
GATE_REFUSED = "gate_refused"
WORKER_DIED = "worker_died"
READY = "ready"
FAILED = "failed"
CANCELLED = "cancelled"
EXPIRED = "expired"
EXTENDED = "extended"
PINNED = "pinned"
UNPINNED = "unpinned"
DELETED = "deleted"
FILE_LOST = "file_lost"
RAN_AGAIN = "ran_again"
BUMPED = "bumped"
APPROVED = "approved"
DECLINED = "declined"
TAKEN_OVER = "taken_over"
PAUSED = "paused"
RESUMED = "resumed"
ALL_CODES = frozenset(value for name, value in list(globals().items()) if name.isupper() and isinstance(value, str))


def record_event(export: Export, code: str, /, *, at: datetime, actor: User | None = None, **data: Any) -> ExportEvent:
    """Append one event to an export's timeline.

    Args:
        code: one of this module's constants.
        at: when it happened.
        actor: the person, or None for the engine.
        data: JSON values for the sentence (never upstream text, never a token).
    """
    return ExportEvent.objects.create(export=export, code=code, at=at, actor=actor, data=data)
