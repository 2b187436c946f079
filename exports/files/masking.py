"""Hides the values of named columns in rows as they stream past, before any format is made of them."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from exports.files.columns import mended
from exports.files.rows import WHITE_SPACE

MASKED: Final = msgspec.Raw(b'"***"')
_NULL: Final = b"null"
_MAX_DEPTH: Final = 16
_decode_row: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode: Final = msgspec.json.encode


class Mask:
    """Columns whose values become ``***``; null stays null. Names are those of the table formats, in any case.

    ``field`` hides whatever the field holds, ``field.inner`` a field within it, through lists too.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._whole = {name.lower() for name in columns}
        self._before = {name[:at] for name in self._whole for at, char in enumerate(name) if char == "."}

    def block(self, block: bytes) -> bytes:
        """Return a block of whole lines with the values hidden; blank lines go.

        Raises:
            msgspec.DecodeError: a line is no JSON object.
        """
        lines = [line for line in mended(block).split(b"\n") if line.strip(WHITE_SPACE)]
        return b"".join(self._row(line, "", 0) + b"\n" for line in lines)

    def _row(self, text: bytes | msgspec.Raw, path: str, depth: int) -> bytes:
        # Of a key that stands there twice, the last one stays: nothing hides behind it.
        fields: dict[str, Any] = _decode_row(text)
        for key, raw in fields.items():
            name = f"{path}{key}".lower()
            if name in self._whole:
                if bytes(raw) != _NULL:
                    fields[key] = MASKED
            elif name in self._before:
                fields[key] = self._inside(raw, f"{name}.", depth + 1)
        return _encode(fields)

    def _inside(self, raw: msgspec.Raw, path: str, depth: int) -> msgspec.Raw:
        if depth > _MAX_DEPTH:
            return MASKED
        match bytes(raw)[:1]:
            case b"{":
                return msgspec.Raw(self._row(raw, path, depth))
            case b"[":
                return msgspec.Raw(_encode([self._inside(one, path, depth + 1) for one in _decode_list(raw)]))
        return raw
