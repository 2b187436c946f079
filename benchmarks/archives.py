"""Large archives of realistic page rows, made in seconds."""

import json
import random
import struct
import uuid
import zipfile
import zlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from isal import isal_zlib

_BLOCK_ROWS = 100_000


def page_lines(count: int, seed: int = 7) -> bytes:
    """`count` rows of type page: visits of some pages each, in order of time."""
    chance = random.Random(seed)
    pages = ["home", "products", "pricing", "contact", "お知らせ"] + [f"blog/post-{n}" for n in range(300)]
    moment = datetime(2023, 3, 1, tzinfo=UTC)
    lines: list[str] = []
    while len(lines) < count:
        visit = {
            "browserName": chance.choice(["Chrome", "Firefox", "Safari", "Edge"]),
            "channelId": "472514384234829061",
            "city": chance.choice(["Osaka", "Tokyo", "Nagoya", "Sapporo"]),
            "country": "Japan",
            "deviceType": chance.choice(["Desktop", "SmartPhone", "Tablet"]),
            "platformName": chance.choice(["Windows", "macOS", "Android", "iOS"]),
            "sessionId": sha256(str(chance.random()).encode()).hexdigest(),
            "userId": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        }
        for step in range(chance.randrange(1, 14)):
            moment += timedelta(milliseconds=chance.randrange(3000))
            page = chance.choice(pages)
            row = visit | {
                "bounce": "0",
                "canonicalUrl": f"https://www.example.com/web/guest/{page}",
                "ctaClicks": str(chance.randrange(3)),
                "directAccess": str(int(step == 0)),
                "entrances": str(int(step == 0)),
                "eventDate": moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3].rstrip("0").rstrip(".") + " UTC",
                "exits": "0",
                "indirectAccess": str(int(step != 0)),
                "reads": str(chance.randrange(2)),
                "timeOnPage": str(chance.randrange(300_000)),
                "title": page.title(),
                "views": str(chance.randrange(1, 9)),
            }
            lines.append(json.dumps(dict(sorted(row.items())), ensure_ascii=False, separators=(",", ":")))
    return ("\n".join(lines[:count]) + "\n").encode()


def _with_chance(rows: bytes, letters: int) -> bytes:
    """`rows`, each with a text that packs badly."""
    chance = random.Random(11)
    return b"".join(
        line[:-1] + b',"description":"' + b64encode(chance.randbytes(letters * 3 // 4)) + b'"}\n'
        for line in rows.splitlines()
    )


def write_archive(
    path: Path, packed_bytes: int, *, unpackable: int = 0, block_rows: int = _BLOCK_ROWS
) -> tuple[int, int]:
    """Write a ZIP of at least `packed_bytes` as a server streams it; returns unpacked bytes and rows.

    One block of rows is deflated once and repeated; each repetition starts with an empty window, so that it packs
    as any other rows would. `unpackable` gives each row so many letters of chance.
    """
    rows = page_lines(block_rows)
    if unpackable:
        rows = _with_chance(rows, unpackable)
    deflate = zlib.compressobj(1 if unpackable else 6, zlib.DEFLATED, -15)
    block = deflate.compress(rows) + deflate.flush(zlib.Z_FULL_FLUSH)
    times = max(1, -(-packed_bytes // len(block)))
    name = b"data.json"
    crc = 0
    with path.open("wb") as file:
        file.write(struct.pack("<4s5H3L2H", b"PK\x03\x04", 45, 0x808, 8, 0, 33, 0, 0, 0, len(name), 0) + name)
        for _ in range(times):
            file.write(block)
            crc = isal_zlib.crc32(rows, crc)
        file.write(b"\x03\x00")
        packed, unpacked = len(block) * times + 2, len(rows) * times
        file.write(b"PK\x07\x08" + struct.pack("<LQQ", crc, packed, unpacked))
        offset = file.tell()
        extra = struct.pack("<2H2Q", 1, 16, unpacked, packed)
        most = 2**32 - 1
        central = struct.pack(
            "<4s6H3L5H2L",
            *(b"PK\x01\x02", 45, 45, 0x808, 8, 0, 33, crc, most, most, len(name), len(extra), 0, 0, 0, 0, 0),
        )
        file.write(central + name + extra)
        length = len(central) + len(name) + len(extra)
        file.write(struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, length, offset))
        file.write(struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + length, 1))
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, length, most, 0))
    return unpacked, block_rows * times


def zip_of(source: Path, target: Path) -> None:
    """Put a file of rows into a ZIP as upstream does."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(source, "data.json")
