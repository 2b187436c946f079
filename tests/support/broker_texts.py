"""What stands in a Redis, as text: a message's body is wrapped once more, in base64."""

import base64
import binascii
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import redis


def broker_texts(url: str) -> Iterator[tuple[str, bytes]]:
    """Yield every key with each of its values, message bodies unwrapped."""
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter():
            for value in _values(client, key):
                yield key.decode(errors="replace"), value + _unwrapped(value)


def _values(client: Any, key: bytes) -> list[bytes]:
    match client.type(key):
        case b"string":
            return [client.get(key) or b""]
        case b"list":
            return list(client.lrange(key, 0, -1))
        case b"set":
            return list(client.smembers(key))
        case b"hash":
            return [part for pair in client.hgetall(key).items() for part in pair]
        case b"zset":
            return list(client.zrange(key, 0, -1))
        case _:  # gone since the scan
            return []


def _unwrapped(value: bytes) -> bytes:
    with suppress(ValueError, TypeError, AttributeError, KeyError, binascii.Error):
        message = json.loads(value)
        if isinstance(message, list):  # one that is not acknowledged yet
            message = message[0]
        return base64.b64decode(message["body"])
    return b""
