"""HTTP on ``requests``: one GET per connection, the token in an auth object, no environment, no redirects."""

import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from ssl import SSLError
from typing import Any, NoReturn

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_match_hostname import CertificateError

from exports.analytics_cloud.body import Body
from exports.analytics_cloud.line import FaultReason, Line, LineFault, LineResponse
from exports.analytics_cloud.origins import OriginRefused, origin_of


class BearerAuth(AuthBase):
    """Adds the token to a request, and only to one that goes to an allowed origin.

    Its repr is ``***`` and it can't be pickled: the token must reach no log, no page and no broker.
    """

    __slots__ = ("_origins", "_token")

    def __init__(self, token: str, origins: Collection[str]) -> None:
        self._token = token
        self._origins = frozenset(origins)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if origin_of(request.url or "") not in self._origins:
            raise OriginRefused("not_listed")
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token is never pickled")


class _OnLine(HTTPConnection):
    """Dials and reads through the line of the request being sent, in place of urllib3's own socket calls."""

    # Set for the class by some debugging aids: it prints every header, the token's too.
    debuglevel = 0

    def __init__(self, *args: Any, current_line: Callable[[], Line], connect_timeout: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._current_line = current_line
        self._connect_timeout = connect_timeout

    def connect(self) -> None:
        line = self._current_line()
        self.response_class = functools.partial(LineResponse, line=line)  # type: ignore[assignment]
        reason: FaultReason
        try:
            super().connect()
        except (SSLError, urllib3.exceptions.SSLError, CertificateError):
            reason = "tls"
        except TimeoutError:
            reason = "timeout"
        except OSError:
            reason = "connection"
        else:
            return
        raise line.fault(reason)

    def _new_conn(self) -> Any:
        line = self._current_line()
        return line.dial(self.host, self.port, self._connect_timeout, self.socket_options or ())


class _OnLineTLS(_OnLine, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _OnLine


class _PoolTLS(urllib3.HTTPSConnectionPool):
    ConnectionCls = _OnLineTLS


class _LineAdapter(HTTPAdapter):
    def __init__(self, *, current_line: Callable[[], Line], connect_timeout: float) -> None:
        super().__init__(pool_maxsize=1)
        handed: dict[str, Any] = {"current_line": current_line, "connect_timeout": connect_timeout}
        self.poolmanager.pool_classes_by_scheme = {
            "http": functools.partial(_Pool, **handed),
            "https": functools.partial(_PoolTLS, **handed),
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an HTTP response; its body is still on the wire.

    Attributes:
        headers: case-insensitive.
    """

    status: int
    headers: Mapping[str, str]
    body: Body


class Transport:
    """Sends the GETs of one workspace. Used by one thread at a time."""

    def __init__(
        self,
        *,
        token: str,
        origins: Collection[str],
        connect_timeout: float,
        user_agent: str,
        ca_file: str | None,
    ) -> None:
        self._auth = BearerAuth(token, origins)
        self._headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": user_agent}
        self._verify: str | bool = ca_file or True
        self._line: Line | None = None
        # The adapter without a requests.Session. A session looks into the environment (netrc would replace the
        # token, a proxy see it), keeps cookies, and reads the whole body of a redirect it was told not to follow.
        self._adapter = _LineAdapter(current_line=self._current_line, connect_timeout=connect_timeout)

    def _current_line(self) -> Line:
        assert self._line is not None
        return self._line

    def get(self, url: str, line: Line) -> Answer:
        """Send ``GET url`` and return as soon as the head of the response is here.

        Redirects are answers like any other. The connection is never used again: a kept one may have died
        meanwhile, and would make a fault out of the next question.

        Raises:
            LineFault: no such head came.
        """
        reason: FaultReason = "connection"
        self._line = line
        try:
            response = self._send(url, line)
        except LineFault as fault:
            reason = fault.reason
        except (requests.RequestException, urllib3.exceptions.HTTPError):
            # Their texts may hold the token. What is left here is bytes that are no HTTP.
            pass
        except BaseException as unforeseen:
            # The frames below hold the Authorization header, and some log formats print the variables of frames.
            unforeseen.__context__ = None
            raise unforeseen.with_traceback(None) from None
        else:
            assert line.head is not None
            return Answer(response.status, response.headers, Body(line, line.head, close=response.close))
        raise line.fault(reason)

    def _send(self, url: str, line: Line) -> urllib3.BaseHTTPResponse:
        request = requests.Request("GET", url, headers=self._headers, auth=self._auth)
        patience = line.patience()
        response = self._adapter.send(
            request.prepare(),
            stream=True,
            timeout=(patience, patience),
            verify=self._verify,
            proxies={},
        )
        # Not the requests.Response: that one holds the request, and with it the token.
        return response.raw

    def close(self) -> None:
        """Forget the connections' pools. A body that is being read is its reader's to close."""
        self._adapter.close()
