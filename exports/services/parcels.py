"""One ZIP with the files of several exports, made while it is sent: no copy on disk, memory as for one piece.

Each file is looked at when its turn comes, not when the download began: who may no longer see it doesn't get it, each
one that goes out is on record, and what is missing is said in the list at the end of the ZIP.
"""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePath
from typing import BinaryIO
from uuid import UUID

from django.conf import settings
from django.http import StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from exports.files.storage import FileMissing
from exports.files.zip_stream import ZipStream
from exports.models import Export, User
from exports.services import bulk, downloads, expire
from exports.services.flood import take_stream, when_closed
from exports.services.listing import exports_for
from exports.services.refusals import Refusal, WrongState

logger = logging.getLogger(__name__)

PIECE = 256 * 1024
CONTENTS = "contents.txt"


class ParcelBroken(Exception):
    """A file changed while it was sent: the connection breaks off, so that nobody takes the ZIP for whole."""


@dataclass
class _Parcel:
    """What has gone out so far, and what has not."""

    user: User
    address: str | None
    language: str
    began_at: datetime
    sent: list[tuple[str, Export]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def parcel_response(*, user: User, keys: Sequence[UUID], address: str | None) -> StreamingHttpResponse:
    """Answer with one ZIP of the originals of these exports.

    Raises:
        Refused: the person may see none of them.
        WrongState: none of them has a file now.
        TooMany: the person has too many downloads running.
    """
    exports, reasons = bulk.picked(user, keys), []
    for export in exports:
        try:
            downloads.refuse_without_file(export)
            downloads.refuse_clear_columns(user, export)
        except Refusal as refusal:
            reasons.append(str(refusal.message))
    if len(reasons) == len(exports):
        raise WrongState("no_files", _("None of these exports has a file to download. %(why)s") % {"why": reasons[0]})
    now = timezone.now()
    parcel = _Parcel(user, address, translation.get_language() or settings.LANGUAGE_CODE, now)
    give_back = take_stream(str(user.pk))
    response = StreamingHttpResponse(_stream(parcel, keys), content_type="application/zip")
    when_closed(response, give_back)
    stamp = timezone.localtime(now).strftime("%Y-%m-%d-%H%M")
    response["Content-Disposition"] = f'attachment; filename="exports-{stamp}.zip"'
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


def _stream(parcel: _Parcel, keys: Sequence[UUID]) -> Iterator[bytes]:
    archive = ZipStream()
    for key in keys:
        with translation.override(parcel.language):
            export, file = _next_file(parcel, key)
        if export is None or file is None:
            continue
        name = _member_name(export, {name for name, _export in parcel.sent})
        assert export.bytes is not None
        assert export.ready_at is not None
        downloads.log_download(parcel.user, export, format="original", length=export.bytes, address=parcel.address)
        with file:
            yield from archive.entry(name, export.bytes, export.ready_at.astimezone(UTC), _pieces(file, export))
        parcel.sent.append((name, export))
    with translation.override(parcel.language):
        contents = _contents(parcel).encode()
    yield from archive.entry(CONTENTS, len(contents), parcel.began_at, [contents])
    yield archive.end()


def _next_file(parcel: _Parcel, key: UUID) -> tuple[Export | None, BinaryIO | None]:
    """Open the file of an export as it stands now; note why when there is none to give."""
    export = exports_for(parcel.user).filter(pk=key).first()
    if export is None:
        parcel.left_out.append((str(key), _("This export doesn’t exist any more.")))
        return None, None
    try:
        try:
            return export, downloads.open_original(parcel.user, export)
        except FileMissing:
            # Expired a moment ago, or lost, which is then written down.
            expire.mark_file_lost(export)
            export.refresh_from_db()
            downloads.refuse_without_file(export)
            raise
    except Refusal as refusal:
        parcel.left_out.append((_label(export), str(refusal.message)))
    except FileMissing:
        parcel.left_out.append((_label(export), _("The stored file is no longer there.")))
    return export, None


def _pieces(file: BinaryIO, export: Export) -> Iterator[bytes]:
    digest = hashlib.sha256()
    while piece := file.read(PIECE):
        digest.update(piece)
        yield piece
    if digest.hexdigest() != export.sha256:
        expire.mark_file_lost(export)
        logger.error("parcel.broken %s", export.pk)
        raise ParcelBroken(str(export.pk))


def _member_name(export: Export, taken: set[str]) -> str:
    """Return the file's name in the ZIP, counted up where two are alike."""
    name = downloads.file_name(export, downloads.ORIGINALS[export.file_kind][0])
    parts, number = PurePath(name), 2
    while name in taken:
        name, number = f"{parts.stem}-{number}{parts.suffix}", number + 1
    return name


def _label(export: Export) -> str:
    what = f"{export.workspace.name}, {export.get_data_type_display()}"
    return f"{export.name} ({what})" if export.name else what


def _contents(parcel: _Parcel) -> str:
    """Return the list that ends the ZIP: what is in it with its receipt, and what is not, with the reason."""
    lines = [f"LAC Portal, {parcel.began_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC", ""]
    for name, export in parcel.sent:
        lines += [
            name,
            f"  {_label(export)}",
            "  " + _("%(rows)s rows, %(bytes)s bytes") % {"rows": export.rows, "bytes": export.bytes},
            f"  SHA-256 {export.sha256}",
            f"  {settings.PUBLIC_URL}{export.get_absolute_url()}",
            "",
        ]
    if parcel.left_out:
        lines += [_("Not included:"), *(f"- {label}: {why}" for label, why in parcel.left_out), ""]
    return "\r\n".join(lines)
