"""Does with six files what a person would: download, compare with the receipt, unzip, count."""

import hashlib
import json
import zipfile
from pathlib import Path

from lacportal.demo.portal import Export, Portal


class CheckFailed(RuntimeError):
    """A file is not what its receipt says; the text tells which and how."""


def check(portal: Portal, export: Export, folder: Path) -> Path:
    """Download an export's file into ``folder``, unzip it beside, compare both with the receipt.

    Returns:
        The unzipped rows.

    Raises:
        CheckFailed: bytes, digest, archive or rows differ.
        PortalRefused: the API did not give the file.
    """
    archive = folder / f"{export.type}.zip"
    portal.download(export, archive)
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    _equal(export, "bytes", archive.stat().st_size, export.bytes)
    _equal(export, "SHA-256", digest, export.sha256)
    try:
        with zipfile.ZipFile(archive) as content:
            names = content.namelist()
            _equal(export, "number of entries", len(names), 1)
            target = folder / f"{export.type}.jsonl"
            target.write_bytes(content.read(names[0]))
    except zipfile.BadZipFile as error:
        raise CheckFailed(f"{export.type}: the file could not be unzipped: {error}.") from error
    with target.open("rb") as lines:
        try:
            rows = sum(1 for line in lines if isinstance(json.loads(line), dict))
        except ValueError as error:
            raise CheckFailed(f"{export.type}: a row is not JSON: {error}.") from error
    _equal(export, "rows", rows, export.rows)
    return target


def _equal(export: Export, what: str, found: object, promised: object) -> None:
    if found != promised:
        raise CheckFailed(f"{export.type}: {what} should be {promised} by the receipt, but the file has {found}.")
