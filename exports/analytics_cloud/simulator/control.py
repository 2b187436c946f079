"""The switchboard over HTTP, for checks outside this process; answered on loopback only.

GET    /_simulator/state        clock, exports, faults
GET    /_simulator/log          every request so far
GET    /_simulator/violations   one line each
GET    /_simulator/made?workspace=&type=&from=&to=
POST   /_simulator/faults       {"kind": "cut_body", "type": "page", "times": 2, ...}
DELETE /_simulator/faults
POST   /_simulator/clock        {"advance": seconds}
POST   /_simulator/tokens       {"acme": "another token"}; an empty text revokes
"""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from exports.analytics_cloud.simulator.archive import Made
from exports.analytics_cloud.simulator.contract import Key, format_date, parse_date

if TYPE_CHECKING:
    from exports.analytics_cloud.simulator.server import Parts

PREFIX = "/_simulator/"


def answer(parts: Parts, client: str, method: str, path: str, content: bytes) -> tuple[int, bytes]:
    """Status and JSON body. Mistakes of the caller are 400 with a sentence."""
    if not ipaddress.ip_address(client).is_loopback:
        return 404, b"{}"
    url = urlsplit(path)
    try:
        result = _run(parts, method, url.path.removeprefix(PREFIX), parse_qs(url.query), content)
    except (ValueError, KeyError, TypeError) as error:
        return 400, json.dumps({"error": str(error)}).encode()
    if result is None:
        return 404, b"{}"
    return 200, json.dumps(result, ensure_ascii=False).encode()


def describe_made(made: Made) -> dict[str, Any]:
    return {"path": str(made.path), "sha256": made.sha256, "bytes": made.bytes, "rows": made.rows}


def _run(parts: Parts, method: str, name: str, query: dict[str, list[str]], content: bytes) -> Any:
    match method, name:
        case "GET", "state":
            return {
                "now": format_date(parts.clock.now()),
                "exports": parts.world.describe(),
                "faults": parts.faults.describe(),
            }
        case "GET", "log":
            return [entry.describe() for entry in parts.log.entries()]
        case "GET", "violations":
            return parts.log.violations()
        case "GET", "made":
            workspace, type_, from_, to = (query[key][0] for key in ("workspace", "type", "from", "to"))
            made = parts.world.made(Key(workspace, type_, parse_date(from_), parse_date(to)))
            return describe_made(made) if made else None
        case "POST", "faults":
            parts.faults.add(**json.loads(content))
            return parts.faults.describe()
        case "DELETE", "faults":
            parts.faults.clear()
            return []
        case "POST", "clock":
            parts.clock.advance(float(json.loads(content)["advance"]))
            return format_date(parts.clock.now())
        case "POST", "tokens":
            parts.tokens.replace(json.loads(content))
            return True
        case _:
            return None
