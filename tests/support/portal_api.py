"""A person's program at the other end of the portal's JSON API (design.md §6)."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import requests

from tests.support.patience import slowness

ACTIVE = ("queued", "waiting", "preparing", "downloading")
ALL_SECONDS = 2.0
# Once per run: a run over midnight must not change its questions.
_LAST_DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)


class PortalApi:
    """Speaks with one personal token, from any thread; remembers what it was answered, for a look through it later.

    Args:
        base_url: the portal's own, such as ``http://127.0.0.1:8000``.
    """

    def __init__(self, base_url: str, token: str) -> None:
        self.base_url = base_url
        self.token = token
        self.answers: list[str] = []

    def call(self, method: str, path: str, *, timeout: float = 60, **more: Any) -> requests.Response:
        """Send one request below ``/api/v1/`` on a connection of its own.

        Raises:
            requests.RequestException: nobody answered.
        """
        headers = {"Authorization": f"Bearer {self.token}", "Connection": "close"} | more.pop("headers", {})
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, f"{self.base_url}/api/v1/{path}", headers=headers, timeout=timeout, **more)
        if "json" in answer.headers.get("Content-Type", ""):
            self.answers.append(answer.text)
        return answer

    def get(self, path: str) -> dict[str, Any]:
        """Return what a GET answers; it must be 200."""
        return self._good(self.call("GET", path), 200)

    def make_workspace(self, *, name: str, origin: str, token: str) -> str:
        """Make a workspace with its token; return its id."""
        made = self._good(self.call("POST", "workspaces", json={"name": name, "base_url": origin}), 201)
        self.set_token(made["id"], token)
        return str(made["id"])

    def set_token(self, workspace: str, token: str) -> None:
        """Save a workspace's access token."""
        self._good(self.call("PUT", f"workspaces/{workspace}/token", json={"token": token}), 204)

    def queue(
        self,
        workspace: str,
        *,
        type: str = "page",
        day: int = 0,
        fresh: bool = False,
        timeout: float = 60,
    ) -> dict[str, Any]:
        """Ask for a span of data; ``day`` tells one question from the next. Must be answered 200 or 201."""
        start, end = window(day)
        body = {"workspace": workspace, "type": type, "from": start, "to": end, "fresh": fresh}
        return self._good(self.call("POST", "exports", json=body, timeout=timeout), 200, 201)

    def export(self, key: str) -> dict[str, Any]:
        """Return an export as it stands."""
        return self.get(f"exports/{key}")

    def events(self, key: str) -> list[dict[str, Any]]:
        """Return an export's timeline."""
        return list(self.get(f"exports/{key}/events")["items"])

    def codes(self, key: str) -> list[str]:
        """Return the codes of an export's timeline."""
        return [event["code"] for event in self.events(key)]

    def digest_of_file(self, key: str) -> str:
        """Download the original through the API; return the SHA-256 of the bytes."""
        answer = self.call("GET", f"exports/{key}/file", timeout=120)
        self._good_status(answer, 200)
        return sha256(answer.content).hexdigest()

    def until(self, condition: Callable[[], Any], what: str, *, seconds: float = 120, every: float = 0.1) -> Any:
        """Wait until a condition holds and return what it returned; a portal that is away for a moment is waited for.

        Raises:
            TimeoutError: it did not within ``seconds``.
        """
        end = time.monotonic() + seconds
        while True:
            try:
                if found := condition():
                    return found
            except requests.ConnectionError:
                found = None
            if time.monotonic() > end:
                raise TimeoutError(f"within {seconds:g} s: {what}")
            time.sleep(every)

    def wait_for(self, keys: Iterable[str], *statuses: str, seconds: float = 180) -> list[dict[str, Any]]:
        """Wait until all exports have one of the statuses; return them.

        As all are waited for, the first that has none yet is asked for again and again, and the others now and then:
        else the portal would be busy with answering.

        Raises:
            TimeoutError: some did not, or ended otherwise; it tells where they stand.
        """
        left = dict.fromkeys(keys)
        done: dict[str, dict[str, Any]] = {}
        end = time.monotonic() + seconds * slowness()
        all_at = 0.0
        while left:
            looks_at_all = time.monotonic() >= all_at
            for key in list(left):
                try:
                    seen = self.export(key)
                except (requests.ConnectionError, AssertionError):
                    continue  # the web process, or its database, is away for a moment
                left[key] = seen
                if seen["status"] in statuses:
                    done[key] = left.pop(key)
                elif seen["status"] in ("failed", "cancelled"):
                    raise TimeoutError(f"never {' or '.join(statuses)}: {self._describe({key: seen})}")
                elif not looks_at_all:
                    break
            all_at = time.monotonic() + ALL_SECONDS if looks_at_all else all_at
            if left and time.monotonic() > end:
                raise TimeoutError(f"not {' or '.join(statuses)} within {seconds:g} s: {self._describe(left)}")
            time.sleep(0.1)
        return list(done.values())

    def _describe(self, exports: dict[str, Any]) -> str:
        lines = []
        for key, seen in list(exports.items())[:5]:
            try:
                story = self.codes(key)
            except (requests.ConnectionError, AssertionError):
                story = []
            lines.append(f"\n  {key}: {seen and (seen['status'], seen['waiting_for'], seen['error'])} {story}")
        return f"{len(exports)} exports" + "".join(lines)

    def _good(self, answer: requests.Response, *statuses: int) -> dict[str, Any]:
        self._good_status(answer, *statuses)
        return answer.json() if answer.content else {}

    def _good_status(self, answer: requests.Response, *statuses: int) -> None:
        assert answer.status_code in statuses, f"{answer.status_code} {answer.text[:500]}"


def window(day: int) -> tuple[str, str]:
    """Return the two ends of the question with this number: a month and so many days, up to the day before last."""
    return _text(_LAST_DAY - timedelta(days=30 + day)), _text(_LAST_DAY - timedelta(milliseconds=1))


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
