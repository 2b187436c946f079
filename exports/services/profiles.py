"""The profile of a ready file: made once like a format, read by the preview page."""

import logging
from dataclasses import dataclass
from datetime import timedelta

import msgspec
from django.db import transaction
from django.utils import timezone

from exports.files.profile_document import Profile, decode_profile
from exports.files.storage import FileMissing
from exports.models import DerivedFile, Export, User
from exports.services import doorbell, formats, stored
from exports.services.masking import as_seen_by
from exports.services.variants import PROFILE, Variant

logger = logging.getLogger(__name__)

# A profile that could not be made is tried again when somebody looks, but not at every look.
FAILED_RESTS = timedelta(minutes=10)


@dataclass(frozen=True)
class ProfileState:
    """What there is to show: the profile, or how far it is, or that it could not be made."""

    profile: Profile | None
    has_failed: bool = False
    waits_for: str = ""


def look_at_profile(*, user: User, export: Export) -> ProfileState:
    """Return an export's profile, asking for it to be made when it is not there yet.

    Whatever becomes of it, the export and its file stay as they are.

    Raises:
        WrongState: the export has no file (``no_file``).
        Unavailable: the store of the files doesn't answer.
    """
    variant = as_seen_by(user, export.workspace, Variant(PROFILE))
    row = DerivedFile.objects.filter(export=export, variant=variant.name).first()
    if row is None or (row.state == DerivedFile.State.FAILED and row.wanted_at < timezone.now() - FAILED_RESTS):
        row = formats.want_format(user=user, export=export, variant=variant)
    if row.state == DerivedFile.State.FAILED:
        return ProfileState(None, has_failed=True)
    if row.state != DerivedFile.State.READY:
        return ProfileState(None, waits_for=row.waits_for)
    try:
        with stored.answering():
            return ProfileState(_read(row))
    except (FileMissing, msgspec.DecodeError):
        # Lost or altered behind our back, or written by another version; it can be made again.
        logger.warning("profile.unreadable %s", export.pk)
        _want_again(row)
        return ProfileState(None)


def _want_again(row: DerivedFile) -> None:
    """Have it made anew under the next fence; the maker removes what lies under the old name."""
    with transaction.atomic():
        same = DerivedFile.objects.filter(pk=row.pk, state=DerivedFile.State.READY, fence=row.fence)
        if same.update(state=DerivedFile.State.WANTED, attempts=0, wanted_at=timezone.now(), rung_at=timezone.now()):
            doorbell.ring_for_format(row.pk)


def _read(row: DerivedFile) -> Profile:
    with stored.storage().open(row.stored_name) as file:
        return decode_profile(file.read())
