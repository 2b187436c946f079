"""Against guessing at the sign-in (django-axes): one at one, one at many, many at one; never the owner locked out."""

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone

from exports.services.addresses import client_address
from exports.web.devices import is_known_device

# Wrong passwords within AXES_COOLOFF_TIME. A whole office may sit behind one address; a person has few devices.
MOST_FROM_ONE_ADDRESS = 50
MOST_AT_ONE_PERSON = 50


def tried_address(request: HttpRequest | None, credentials: dict[str, Any] | None) -> str:
    """Return the e-mail address that was tried, in the one form in which it is counted (`AXES_USERNAME_CALLABLE`).

    Nothing when it is none: people type passwords into the wrong box, and those are not to be kept.
    """
    tried = next((str(value) for value in _tried(request, credentials) if value), "").strip().lower()
    try:
        validate_email(tried)
    except ValidationError:
        return ""
    return tried


def _tried(request: HttpRequest | None, credentials: dict[str, Any] | None) -> list[Any]:
    names = ("email", "username", "login")
    given = credentials or {}
    sent = request.POST if request is not None else {}
    return [*(given.get(name) for name in names), *(sent.get(name) for name in names)]


class Throttle(AxesDatabaseHandler):
    """Counts failures by person and address together, and beyond that by each alone.

    The last two only for browsers in which the person has never been in: whoever signed in there before goes on,
    however many strangers guess elsewhere.
    """

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Return how often it was wrong; at least the limit when there is to be no further try."""
        together: int = super().get_failures(request, credentials)
        limit: int = settings.AXES_FAILURE_LIMIT
        person = tried_address(request, credentials)
        if together >= limit or is_known_device(request, person):
            return together
        recent = AccessAttempt.objects.filter(attempt_time__gt=timezone.now() - settings.AXES_COOLOFF_TIME)
        from_here = _count(recent.filter(ip_address=client_address(request)))
        at_person = _count(recent.filter(username=person)) if person else 0
        if from_here >= MOST_FROM_ONE_ADDRESS or at_person >= MOST_AT_ONE_PERSON:
            return limit
        return together


def _count(attempts: QuerySet[Any]) -> int:
    return attempts.aggregate(failures=Sum("failures_since_start"))["failures"] or 0
