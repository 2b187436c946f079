"""The states of an export and the only ways between them."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """Where an export stands.

    ::

        queued -> waiting <-> preparing -> downloading -> ready -> expired
                     ^____________^____________/            \\-> failed (file lost)
        queued | waiting | preparing | downloading -> failed | cancelled

    ``queued`` may go straight to preparing or downloading, ``waiting`` straight to downloading, ``downloading``
    back to waiting or preparing (a cut body: ask again). The first four are *active*.
    """

    QUEUED = "queued", _("Queued")
    WAITING = "waiting", _("Waiting")
    PREPARING = "preparing", _("Preparing")
    DOWNLOADING = "downloading", _("Downloading")
    READY = "ready", _("Ready")
    EXPIRED = "expired", _("Expired")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.WAITING, Status.PREPARING, Status.DOWNLOADING, Status.FAILED, Status.CANCELLED}),
    Status.WAITING: frozenset({Status.PREPARING, Status.DOWNLOADING, Status.FAILED, Status.CANCELLED}),
    Status.PREPARING: frozenset({Status.WAITING, Status.DOWNLOADING, Status.FAILED, Status.CANCELLED}),
    Status.DOWNLOADING: frozenset({Status.WAITING, Status.PREPARING, Status.READY, Status.FAILED, Status.CANCELLED}),
    Status.READY: frozenset({Status.EXPIRED, Status.FAILED}),
    Status.EXPIRED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
}

ACTIVE = (Status.QUEUED, Status.WAITING, Status.PREPARING, Status.DOWNLOADING)
ASKED = (Status.WAITING, Status.PREPARING, Status.DOWNLOADING)


class DataType(models.TextChoices):
    """The six types of data Analytics Cloud exports (analytics-cloud-api.md §1)."""

    EVENT = "event", _("Events")
    IDENTITY = "identity", _("Identities")
    INDIVIDUAL = "individual", _("Individuals")
    MEMBERSHIP = "membership", _("Memberships")
    PAGE = "page", _("Pages")
    SEGMENT = "segment", _("Segments")


class Role(models.TextChoices):
    """What a person may do in one workspace; each role includes the ones before it."""

    VIEWER = "viewer", _("Viewer")
    MEMBER = "member", _("Member")
    MANAGER = "manager", _("Manager")

    @property
    def rank(self) -> int:
        """1 for viewer, 2 for member, 3 for manager."""
        return list(Role).index(self) + 1

    @property
    def may_ask(self) -> bool:
        """True for those who may queue exports."""
        return self.rank >= Role.MEMBER.rank
