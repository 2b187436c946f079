"""The demo as a user of the portal's own JSON API (design.md §6)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import requests

TIMEOUT = (3.0, 30.0)
TIME_ZONE = "Asia/Tokyo"  # of the demo's workspace: whole days there read better than odd hours
ACTIVE = ("queued", "waiting", "preparing", "downloading")


class PortalRefused(RuntimeError):
    """The API answered something else than hoped for; the text is its explanation."""


@dataclass(frozen=True)
class Export:
    """What the API says of an export, as far as the demo shows it."""

    id: str
    type: str
    status: str
    rows: int | None
    bytes: int | None
    bytes_received: int
    sha256: str | None
    waits_for: str
    problem: str

    @property
    def is_active(self) -> bool:
        """True until it is ready, failed or cancelled."""
        return self.status in ACTIVE


class Portal:
    """The API at an address, with a personal token."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self._token = token
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, no netrc: this is our own machine

    def is_up(self) -> bool:
        """Tell whether the page is there."""
        try:
            return self._session.get(f"{self.address}/health/live", timeout=2).status_code == requests.codes.ok
        except requests.RequestException:
            return False

    def queue(self, workspace: str, data_type: str) -> Export:
        """Queue last month's data of this type; an equal one that runs or is still kept is taken.

        Raises:
            PortalRefused: the API did not take it.
        """
        first, last = last_month(datetime.now(ZoneInfo(TIME_ZONE)))
        body = {
            "workspace": workspace,
            "type": data_type,
            "from": _iso(first),
            "to": _iso(last),
            "name": f"{data_type.capitalize()} {first:%Y-%m}",
        }
        return _export(self._json("POST", "exports", json=body))

    def look(self, export: Export) -> Export:
        """Return the export as it stands now.

        Raises:
            PortalRefused: the API did not tell.
        """
        return _export(self._json("GET", f"exports/{export.id}"))

    def download(self, export: Export, path: Path) -> None:
        """Write the file as received from upstream to ``path``.

        Raises:
            PortalRefused: the API did not give it.
        """
        with self._request("GET", f"exports/{export.id}/file", stream=True) as answer, path.open("wb") as file:
            for part in answer.iter_content(1 << 20):
                file.write(part)

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        content = self._request(method, path, **options).json()
        if not isinstance(content, dict):
            raise PortalRefused(f"{method} {path}: an object was expected.")
        return content

    def _request(self, method: str, path: str, **options: Any) -> requests.Response:
        try:
            answer = self._session.request(
                method,
                f"{self.address}/api/v1/{path}",
                headers={"Authorization": f"Bearer {self._token}"},
                timeout=TIMEOUT,
                allow_redirects=False,
                **options,
            )
        except requests.RequestException as error:
            raise PortalRefused(f"{method} {path}: no answer ({type(error).__name__}).") from error
        if answer.status_code not in (200, 201):
            raise PortalRefused(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer


def last_month(now: datetime) -> tuple[datetime, datetime]:
    """Return the first and the last millisecond of the month before ``now``, in its zone; both are included."""
    this_month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (this_month - timedelta(days=1)).replace(day=1), this_month - timedelta(milliseconds=1)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _export(content: dict[str, Any]) -> Export:
    waits_for = content["waiting_for"] or {}
    error = content["error"] or {}
    return Export(
        id=content["id"],
        type=content["type"],
        status=content["status"],
        rows=content["rows"],
        bytes=content["bytes"],
        bytes_received=content["bytes_received"] or 0,
        sha256=content["sha256"],
        waits_for=waits_for.get("code", ""),
        problem=error.get("message", ""),
    )
