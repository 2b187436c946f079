"""The client: one GET that asks, polls or downloads, and the token probe (`analytics-cloud-api.md` §1, §2, §6)."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from types import TracebackType
from typing import Self
from urllib.parse import quote

from exports.analytics_cloud.dates import format_instant
from exports.analytics_cloud.line import FaultReason, Line, LineFault
from exports.analytics_cloud.origins import (
    OriginRefused,
    listed_origins,
    normalize_base_url,
    redirect_target,
)
from exports.analytics_cloud.replies import (
    Accepted,
    ProbeReply,
    Ready,
    Reply,
    TokenRejected,
    Unavailable,
    Unintelligible,
)
from exports.analytics_cloud.streams import BodyStream, DownloadCut
from exports.analytics_cloud.transport import Answer, Transport
from exports.analytics_cloud.verdicts import (
    LEAD_BYTES,
    Confirm,
    Next,
    Seen,
    Verdict,
    judge_answer,
    judge_fault,
    judge_probe,
)

__all__ = ["AnalyticsCloudClient", "BodyStream", "DownloadCut"]

REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5
PIECE_BYTES = 16 * 1024
LONGEST_TOKEN = 512


def _is_sendable(token: str) -> bool:
    """A header carries printable ASCII without blanks; anything else would raise with the token in the text."""
    return 0 < len(token) <= LONGEST_TOKEN and all("!" <= character <= "~" for character in token)


@dataclass(slots=True)
class _Look:
    """One question's outcome, and the open answer when its body is the file."""

    verdict: Verdict
    answer: Answer | None = None
    lead: bytes = b""
    fault: FaultReason | None = None


class AnalyticsCloudClient:
    """Speaks to Analytics Cloud for one workspace; one question at a time, and ``abort`` from anywhere.

    Args:
        base_url: the workspace's origin.
        token: sent nowhere but to ``base_url`` and to what it may redirect to. One that no header can carry is
            never sent: every question answers ``TokenRejected``.
        allowed_origins: the exact list of origins (``ANALYTICS_CLOUD_ORIGINS``).
        connect_timeout: seconds for the name, for the connection and for the TLS handshake, each.
        ca_file: certificates to trust in place of the built-in ones.

    Raises:
        OriginRefused: ``base_url`` is not, or is no longer, an allowed origin.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token: str,
        allowed_origins: Sequence[str],
        connect_timeout: float = 10,
        user_agent: str = "lac-portal",
        ca_file: str | None = None,
    ) -> None:
        self.base_url = normalize_base_url(base_url, allowed_origins)
        self._allowed_origins = tuple(allowed_origins)
        self._token_is_sendable = _is_sendable(token)
        self._transport = Transport(
            token=token,
            origins=listed_origins(allowed_origins),
            connect_timeout=connect_timeout,
            user_agent=user_agent,
            ca_file=ca_file,
        )
        self._lock = threading.RLock()
        self._lines: set[Line] = set()
        self._aborted = False

    def __repr__(self) -> str:
        return f"<AnalyticsCloudClient {self.base_url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(
        self,
        data_type: str,
        date_from: datetime,
        date_to: datetime,
        *,
        give_up_after: float,
        stall_seconds: float,
        max_bytes: int,
        minimum_rate: float = 1024,
        download_deadline: float = 6 * 3600,
    ) -> Reply:
        """Ask for an export: the same question creates it, polls it and downloads it (§1).

        Args:
            data_type: lower case, such as ``page``.
            date_from: with a time zone; inclusive, like ``date_to``.
            give_up_after: seconds until the first bytes of the body must have said what it is, name look-up,
                redirects and a probe of the token included.
            stall_seconds: the longest silence within the file, and the window of ``minimum_rate``.
            minimum_rate: bytes per second.
            download_deadline: seconds for the whole file, from its first bytes.

        Returns:
            One of the closed set. Of ``Ready``, the caller reads or closes the stream.

        Raises:
            ValueError: a date has no time zone.
        """
        url = (
            f"{self.base_url}/api/reports/export/{quote(data_type, safe='')}"
            f"?fromDate={format_instant(date_from)}&toDate={format_instant(date_to)}"
        )
        deadline = monotonic() + give_up_after
        look = self._look(url, deadline, judge_answer)
        if look.answer is not None:
            stream = BodyStream(
                look.answer.body,
                look.lead,
                stall_seconds=stall_seconds,
                max_bytes=max_bytes,
                minimum_rate=minimum_rate,
                download_deadline=download_deadline,
                fault=look.fault,
            )
            return Ready(stream)
        if isinstance(look.verdict, Confirm):
            return self._confirm(look.verdict, deadline)
        assert not isinstance(look.verdict, Next | Accepted)
        return look.verdict

    def probe(self, *, give_up_after: float) -> ProbeReply:
        """Ask whether the token is good, without creating an export (§2).

        An answer that only hints at a rejection is confirmed by asking a second time.
        """
        deadline = monotonic() + give_up_after
        verdict = self._probe_once(deadline)
        if isinstance(verdict, Confirm):
            again = self._probe_once(deadline)
            verdict = TokenRejected() if isinstance(again, Confirm) else again
        assert isinstance(verdict, ProbeReply)
        return verdict

    def abort(self) -> None:
        """End whatever this client does, at once and for good; from any thread or signal handler.

        A question then answers ``Unavailable('aborted')``, a stream raises ``DownloadCut('aborted')``.
        """
        with self._lock:
            self._aborted = True
            for line in tuple(self._lines):
                line.abort()

    def close(self) -> None:
        """Let go of what the client holds. A stream already handed out stays its reader's to close."""
        self._transport.close()

    def _probe_once(self, deadline: float) -> Verdict:
        return self._look(f"{self.base_url}/api/reports", deadline, judge_probe).verdict

    def _confirm(self, doubt: Confirm, deadline: float) -> Reply:
        verdict = self._probe_once(deadline)
        match verdict:
            case Confirm() | TokenRejected():
                return TokenRejected()
            case Unavailable("aborted"):
                return verdict
            case Unavailable(retry_after=retry_after, opens_breaker=opens_breaker):
                waits = [seconds for seconds in (doubt.otherwise.retry_after, retry_after) if seconds is not None]
                return replace(
                    doubt.otherwise,
                    retry_after=max(waits, default=None),
                    opens_breaker=doubt.otherwise.opens_breaker or opens_breaker,
                )
            case _:
                return doubt.otherwise

    def _look(self, url: str, deadline: float, judge: Callable[[Seen], Verdict]) -> _Look:
        if not self._token_is_sendable:
            return _Look(TokenRejected())
        for _ in range(MOST_REDIRECTS + 1):
            line = self._open_line(deadline)
            try:
                answer = self._transport.get(url, line)
            except LineFault as fault:
                line.close()
                return _Look(judge_fault(fault.reason))
            except BaseException:
                line.close()
                raise
            location = answer.headers.get("Location")
            if answer.status not in REDIRECTS or location is None:
                return self._read_lead(answer, judge)
            answer.body.close()
            try:
                url = redirect_target(url, location, self._allowed_origins)
            except OriginRefused:
                return _Look(Unintelligible("redirect_elsewhere"))
        return _Look(Unintelligible("redirect_loop"))

    def _open_line(self, deadline: float) -> Line:
        line = Line(deadline=deadline, on_close=self._forget)
        with self._lock:
            self._lines.add(line)
            line.aborted = self._aborted
        return line

    def _forget(self, line: Line) -> None:
        with self._lock:
            self._lines.discard(line)

    def _read_lead(self, answer: Answer, judge: Callable[[Seen], Verdict]) -> _Look:
        """Read no more of the body than tells what it is; leave it open only when it is the file."""
        seen = Seen(answer.status, answer.headers, b"")
        look = _Look(judge(seen))
        try:
            while look.verdict is Next.READ_ON:
                try:
                    piece = answer.body.read_some(min(PIECE_BYTES, LEAD_BYTES - len(seen.lead)))
                except LineFault as fault:
                    seen = replace(seen, fault=fault.reason)
                else:
                    seen = replace(seen, lead=seen.lead + piece, ended=not piece)
                look.verdict = judge(seen)
            if look.verdict is Next.DOWNLOAD:
                look.answer = answer
                look.fault = seen.fault
                # Blanks alone are no row: the stream is then empty, and says so.
                look.lead = seen.lead if seen.text else b""
        finally:
            if look.answer is None:
                answer.body.close()
        return look
