"""Rows as the API writes them, one at a time, the same for the same question (analytics-cloud-api.md §4)."""

from __future__ import annotations

import hashlib
import random
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from math import gcd
from typing import Any

import msgspec

from exports.analytics_cloud.simulator import vocabulary
from exports.analytics_cloud.simulator.contract import Key, format_date
from exports.analytics_cloud.simulator.vocabulary import Cast

Row = dict[str, Any]
_encode = msgspec.json.Encoder(order="sorted").encode


def lines(key: Key, *, count: int, now: datetime, older: bool = False, ballast: int = 0) -> Iterator[bytes]:
    r"""`count` rows of the window as JSON Lines, each with its `\n`.

    They lie between both bounds, the first and the last exactly on them; what would lie after `now` is not there yet.
    `older`: the shape of the oldest servers. `ballast`: bytes of incompressible text added to each row.
    """
    seed = repr((key.workspace, key.type, format_date(key.from_), format_date(key.to)))
    chance = random.Random(seed)  # noqa: S311  # nosec B311  # the same rows for the same question, no secret
    cast = Cast(key.workspace, now=now, older=older)
    make = _MAKERS[key.type]
    for index in _shuffled(count):
        at = key.from_ + (key.to - key.from_) * index // max(count - 1, 1)
        if at > now:
            continue
        row = make(chance, cast, at, index)
        if ballast:
            row["description"] = b64encode(chance.randbytes(ballast * 3 // 4)).decode()
        yield _escaped(_encode({name: value for name, value in row.items() if value is not None})) + b"\n"


def stamp(moment: datetime) -> str:
    """`2023-03-01 12:01:44.345 UTC`: up to six fraction digits, trailing zeros dropped (§4)."""
    fraction = f".{moment.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} UTC"


def _escaped(line: bytes) -> bytes:
    return line.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")


def _shuffled(count: int) -> Iterator[int]:
    """Every index once, in no obvious order, without a list of them: row order is not promised."""
    stride = max(int(count * 0.618), 1)
    while gcd(stride, max(count, 1)) != 1:
        stride += 1
    return (index * stride % count for index in range(count))


def _maybe(chance: random.Random, value: Any, likely: float = 0.8) -> Any:
    """The value, or NULL, which the API leaves out."""
    return value if chance.random() < likely else None


def _later(chance: random.Random, cast: Cast, at: datetime) -> datetime:
    return at + (cast.now - at) * chance.random()


def _session(person_id: str, at: datetime) -> str:
    return hashlib.sha256(f"{person_id} {at:%Y-%m-%d %H}".encode()).hexdigest()


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _page(chance: random.Random, cast: Cast, at: datetime, index: int) -> Row:
    person = cast.person(chance.randrange(vocabulary.PEOPLE))
    path, title = chance.choice(vocabulary.PAGES)
    city, region, country = chance.choice(vocabulary.PLACES)
    device, platform = chance.choice(vocabulary.DEVICES)
    views = chance.randint(1, 9)
    return {
        "canonicalUrl": f"https://www.example.com{path}",
        "title": title,
        "sessionId": _session(person.identity_id, at),
        "userId": person.identity_id,
        "channelId": cast.channel_id,
        "eventDate": stamp(at),
        "bounce": str(chance.randint(0, 1)),
        "ctaClicks": str(chance.randint(0, 3)),
        "directAccess": _maybe(chance, str(chance.randint(0, 1))),
        "indirectAccess": _maybe(chance, str(chance.randint(0, 1))),
        "entrances": str(chance.randint(0, 1)),
        "exits": str(chance.randint(0, 1)),
        "reads": _maybe(chance, str(chance.randint(0, views))),
        "views": str(views),
        "timeOnPage": str(chance.randint(500, 900_000)),
        "experimentId": _maybe(chance, str(cast.number("experiment", 1)), 0.1),
        "variantId": _maybe(chance, "DEFAULT", 0.1),
        "browserName": chance.choice(vocabulary.BROWSERS),
        "deviceType": device,
        "platformName": platform,
        "city": _maybe(chance, city),
        "region": _maybe(chance, region),
        "country": _maybe(chance, country),
        "description": _maybe(chance, f"{title} の説明", 0.3),
    }


def _event(chance: random.Random, cast: Cast, at: datetime, index: int) -> Row:
    person = cast.person(chance.randrange(vocabulary.PEOPLE))
    path, title = chance.choice(vocabulary.PAGES)
    city, region, country = chance.choice(vocabulary.PLACES)
    device, platform = chance.choice(vocabulary.DEVICES)
    label = chance.choice(vocabulary.LABELS)
    url = f"https://www.example.com{path}"
    row = {
        "applicationId": chance.choice(("Page", "Form", "Document", "CustomEvent")),
        "assetId": _maybe(chance, str(cast.number("asset", path)), 0.4),
        "assetTitle": _maybe(chance, title, 0.4),
        "browserName": chance.choice(vocabulary.BROWSERS),
        "canonicalUrl": url,
        "channelId": cast.channel_id,
        "city": _maybe(chance, city),
        "contentLanguageId": person.language,
        "context": _encode({"canonicalUrl": url, "devicePixelRatio": "2", "title": title}).decode(),
        "country": _maybe(chance, country),
        "createDate": stamp(min(at + timedelta(seconds=chance.randint(1, 300)), cast.now)),
        "dataSourceId": cast.data_source_id,
        "deviceType": device,
        "emailAddressHashed": _maybe(chance, person.individual_id, 0.5),
        "eventDate": stamp(at),
        "eventId": chance.choice(("pageViewed", "formSubmitted", "documentDownloaded", "quoteRequested")),
        "experienceId": "DEFAULT",
        "experimentId": _maybe(chance, str(cast.number("experiment", 1)), 0.1),
        "id": _uuid(chance),
        "keywords": _maybe(chance, "ヒーター,ガス", 0.2),
        "languageId": person.language,
        "platformName": platform,
        "projectId": cast.project_id,
        "projectTimeZoneId": "Asia/Tokyo",
        "referrer": _maybe(chance, "https://search.example.com/?q=gas&hl=ja", 0.4),
        "region": _maybe(chance, region),
        "sessionId": _session(person.identity_id, at),
        "timezoneOffset": "+09:00",
        "title": title,
        "url": url,
        "userId": person.identity_id,
        "variantId": _maybe(chance, "DEFAULT", 0.1),
    }
    if cast.older:
        row["properties"] = [{"name": "label", "value": label}]
    else:
        row["eventProperties"] = f'{{"label":"{label}"}}'
    return row


def _identity(chance: random.Random, cast: Cast, at: datetime, index: int) -> Row:
    person = cast.person(index)
    return {
        "createDate": stamp(at),
        "id": person.identity_id,
        "individualId": _maybe(chance, person.individual_id),
        "projectId": cast.project_id,
    }


def _individual(chance: random.Random, cast: Cast, at: datetime, index: int) -> Row:
    person = cast.person(index)
    fields = [("department", "営業"), ("company", "Example & Sons"), ("note", "")][: chance.randint(0, 3)]
    return {
        "id": person.individual_id,
        "emailAddress": person.email,
        "createDate": stamp(at),
        "modifiedDate": stamp(_later(chance, cast, at)),
        "birthday": _maybe(chance, f"{chance.randint(1950, 2005)}-0{chance.randint(1, 9)}-11 00:00:00 UTC", 0.3),
        "firstName": person.first,
        "middleName": _maybe(chance, "M.", 0.1),
        "lastName": person.last,
        "screenName": _maybe(chance, person.email.partition("@")[0]),
        "jobTitle": _maybe(chance, chance.choice(vocabulary.JOBS), 0.5),
        "languageId": person.language,
        "gender": _maybe(chance, chance.choice(("female", "male")), 0.3),
        "suppressed": index % 50 == 49,
        "fields": [{"dataSourceId": cast.data_source_id, "name": name, "value": value} for name, value in fields],
        "memberships": [
            {"ids": [str(chance.randint(20_000, 20_999)) for _ in range(chance.randint(1, 3))], "name": name}
            for name in ("roles", "userGroups", "organizations")[: chance.randint(0, 3)]
        ],
    }


def _membership(chance: random.Random, cast: Cast, at: datetime, index: int) -> Row:
    person = cast.person(chance.randrange(vocabulary.PEOPLE))
    return {
        "createDate": stamp(at),
        "modifiedDate": stamp(_later(chance, cast, at)),
        "channelId": cast.channel_id,
        "segmentId": str(cast.segment_id(chance.randrange(vocabulary.SEGMENTS))),
        "identityId": person.identity_id,
        "individualId": _maybe(chance, person.individual_id),
        "status": chance.choice(("ACTIVE", "INACTIVE")),
    }


def _segment(chance: random.Random, cast: Cast, at: datetime, index: int) -> Row:
    """Encoded unlike the others: lower-case keys, numbers, ISO times. Rows may repeat (§4)."""
    segment_id = cast.segment_id(index % vocabulary.SEGMENTS)
    return {
        "id": segment_id,
        "name": f"セグメント {index % vocabulary.SEGMENTS} <β>",
        "filter": "(demographics/birthday/value lt '2023-04-20') and (custom/score gt 5)",
        "filtermetadata": _maybe(chance, '{"fields":[]}', 0.3),
        "type": chance.choice(("DYNAMIC", "STATIC")),
        "state": "READY",
        "status": chance.choice(("ACTIVE", "INACTIVE")),
        "scope": "PROJECT",
        "authorname": "山田 Test",
        "authorid": cast.number("author", index % 3),
        "channelid": int(cast.channel_id),
        "createdate": format_date(at),
        "modifieddate": format_date(_later(chance, cast, at)),
        "includeanonymoususers": chance.random() < 0.5,
        "individualscount": chance.randrange(100_000),
        "identitiescount": chance.randrange(200_000),
        "referencedassetids": _maybe(chance, [cast.number("asset", n) for n in range(chance.randint(1, 3))], 0.4),
    }


_MAKERS: dict[str, Callable[[random.Random, Cast, datetime, int], Row]] = {
    "event": _event,
    "identity": _identity,
    "individual": _individual,
    "membership": _membership,
    "page": _page,
    "segment": _segment,
}
