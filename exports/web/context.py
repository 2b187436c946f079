"""What every page needs."""

from typing import Any

from django.http import HttpRequest


def portal(request: HttpRequest) -> dict[str, Any]:
    """Return values for the frame of every page."""
    return {}
