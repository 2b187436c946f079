"""What must hold after every case, whatever was hurt (issue 3): the same look at the portal from all sides."""

import re
import time
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from exports.analytics_cloud.simulator.contract import Key
from tests.faults.case import Case, asked_key, handles, moment
from tests.support.broker_texts import broker_texts
from tests.support.part import children_of, state_of
from tests.support.portal_api import ACTIVE
from tests.support.stack import WEB, Stack

# A process opens a few at its first task; who forgets to close them has one more for each export. The web process has
# 32 threads, and SQLite keeps a closed connection's descriptors for the next one while others hold a lock.
HANDLES, HANDLES_OF_WEB = 16, 64
# What a question may be moved by when a fresh file is wanted.
SHIFTS = timedelta(seconds=1)
# As `new_token` makes them.
TOKEN = re.compile(rb"canary[0-9a-f]{49}")


def check(case: Case) -> None:
    """Look at everything and fail with one line for each thing that is wrong."""
    stack = case.stack
    stack.heal()
    answers = {key: stack.api.call("GET", f"exports/{key}") for key in case.ends}
    exports = [answer.json() for answer in answers.values() if answer.status_code == 200]
    wrong = [
        *(f"lost: {key}" for key, answer in answers.items() if answer.status_code != 200),
        *_ends(case, exports),
        *_files(case, exports),
        *_questions(case, exports),
        *(f"violation: {line}" for line in _violations(case)),
        *_leftovers(stack),
        *(f"audit: {line}" for line in stack.warm("audit")),
        *(f"database: {line}" for line in stack.warm("integrity")),
        *_pages(case, exports),
        *_leaks(stack),
        *_zombies(stack),
        *_handles(case),
    ]
    assert not wrong, "\n".join([*wrong, stack.tails()])


def _ends(case: Case, exports: list[dict[str, Any]]) -> Iterator[str]:
    for export in exports:
        if export["status"] not in case.ends[export["id"]]:
            story = [event["code"] for event in case.api.events(export["id"])]
            yield f"{export['id']} ended {export['status']}, not {case.ends[export['id']]}: {export['error']} {story}"
        if export["status"] not in ACTIVE and export["waiting_for"]:
            yield f"{export['id']} is {export['status']} and waits for {export['waiting_for']}"
        if (export["status"] == "failed") != (export["error"] is not None):
            yield f"{export['id']} is {export['status']} with the error {export['error']}"


def _files(case: Case, exports: list[dict[str, Any]]) -> Iterator[str]:
    """Ready means: the bytes that Analytics Cloud made, no others."""
    for export in exports:
        if export["status"] != "ready":
            continue
        made = _made(case, export)
        digest = case.api.digest_of_file(export["id"])
        if digest != export["sha256"]:
            yield f"{export['id']}: the bytes handed out are not those of the receipt"
        if digest not in made:
            yield f"{export['id']}: the bytes handed out are not those that Analytics Cloud made"


def _made(case: Case, export: dict[str, Any]) -> set[str]:
    """Return the SHA-256 of every file that was made for an export's question."""
    files = [case.stack.simulator.made(*key) for key in _keys(case, export)]
    return {file.sha256 for file in files if file is not None}


def _keys(case: Case, export: dict[str, Any]) -> set[Key]:
    """Return the keys, shifted ones included, under which Analytics Cloud was asked a question."""
    start, end = asked_key(export)
    entries = case.entries(case.places[export["workspace"]])
    keys = {entry.key for entry in entries if entry.key is not None and entry.key.type == export["type"]}
    return {key for key in keys if key.to == end and start - SHIFTS < key.from_ <= start}


def _questions(case: Case, exports: list[dict[str, Any]]) -> Iterator[str]:
    """Upstream is asked nothing once the file is stored, and for one export per question unless wanted afresh."""
    for export in exports:
        place = case.places[export["workspace"]]
        keys = _keys(case, export)
        codes = [event["code"] for other in _same(exports, export) for event in case.api.events(other["id"])]
        shifts = codes.count("asked_shifted") + codes.count("stuck_upstream")
        if len(keys) > 1 + shifts:
            yield f"{export['id']}: {len(keys)} exports upstream, {shifts} of them afresh"
        if export["ready_at"] and shifts == 0 and not case.is_skewed:
            stored_at = moment(export["ready_at"]).timestamp()
            late = [e.number for e in case.entries(place) if e.key in keys and e.started_at > stored_at + 0.001]
            if late:
                yield f"{export['id']}: asked again after the file was stored (requests {late})"


def _same(exports: list[dict[str, Any]], export: dict[str, Any]) -> list[dict[str, Any]]:
    parts = ("workspace", "type", "from", "to")
    return [other for other in exports if all(other[part] == export[part] for part in parts)]


def _violations(case: Case) -> list[str]:
    found = [line for line in case.stack.simulator.violations() if line not in case.violations_before]
    return [line for line in found if line.partition(":")[0] not in case.tolerated]


def _leftovers(stack: Stack) -> list[str]:
    """After one pass of the reaper the folder holds the files of ready exports and nothing else."""
    if not _strays(stack):
        return []
    time.sleep(2 * float(stack.environment()["EXPORT_LEASE_SECONDS"]) + 0.5)
    stack.warm("reap")
    return [f"file nobody names: {name}" for name in _strays(stack)]


def _strays(stack: Stack) -> list[str]:
    names = stack.files()
    ids = {name[:36] for name in names}
    # At once: the folder holds what all cases before left there, too.
    ready = ids & stack.accepted & set(stack.warm("ready"))
    return [name for name in names if name.endswith(".part") or name[:36] not in ready]


def _leaks(stack: Stack) -> Iterator[str]:
    """Secrets stand in no log, no database, no broker, no temporary file and no answer."""
    holds_one = _finder([text.encode() for text in stack.canaries])
    for folder in (stack.folder, stack.redis.folder, stack.export_root):
        for path in folder.rglob("*"):
            if path.is_file() and holds_one(_bytes_of(path)):
                yield f"a secret stands in {path.relative_to(folder)}"
    for key, text in broker_texts(stack.redis.url):
        if holds_one(text):
            yield f"a secret stands in the broker's {key}"
    for answer in stack.api.answers:
        if holds_one(answer.encode()):
            yield f"a secret stands in an answer: {answer[:60]}"
    stack.api.answers.clear()
    if stack.database_url.startswith("postgres"):
        for table, text in _rows(stack.database_url):
            if holds_one(text):
                yield f"a secret stands in table {table}"


def _finder(secrets: Collection[bytes]) -> Callable[[bytes], bool]:
    """Return what tells whether a text holds one of the secrets; hundreds of tokens are looked for at once."""
    tokens = frozenset(secret for secret in secrets if TOKEN.fullmatch(secret))
    others = [secret for secret in secrets if secret not in tokens]
    return lambda text: any(one in text for one in others) or not tokens.isdisjoint(TOKEN.findall(text))


def _pages(case: Case, exports: list[dict[str, Any]]) -> Iterator[str]:
    """The pages of the case work, and hold no secret."""
    shown = [f"/exports/{export['id']}/" for export in (exports[:1] + exports[-1:])]
    places = [f"/workspaces/{key}/" for key in list(case.places)[:1]]
    for path in ("/", "/workspaces/", *places, *shown):
        page = case.stack.pages.get(path)
        if any(secret in page for secret in case.stack.canaries):
            yield f"a secret stands on the page {path}"


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _rows(url: str) -> Iterator[tuple[str, bytes]]:
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            query = sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(table))
            for (text,) in connection.execute(query):
                yield table, text.encode()


def _zombies(stack: Stack, seconds: float = 5.0) -> Iterator[str]:
    end = time.monotonic() + seconds
    while dead := [
        (name, pid) for name, part in stack.parts.items() for pid in children_of(part.pid) if state_of(pid) == "Z"
    ]:
        if time.monotonic() > end:
            yield f"zombies: {dead}"
            return
        time.sleep(0.2)


def _handles(case: Case, seconds: float = 5.0) -> Iterator[str]:
    """No process that lived through the case holds many more files and connections open than before."""
    end = time.monotonic() + seconds
    while True:
        before, now = case.handles_before, handles(case.stack)
        web = {case.stack.parts[WEB].pid, *case.stack.parts[WEB].children}
        most = {pid: count + (HANDLES_OF_WEB if pid in web else HANDLES) for pid, count in before.items()}
        grown = {pid: (before[pid], now[pid]) for pid in before if now.get(pid, 0) > most[pid]}
        if not grown:
            return
        if time.monotonic() > end:
            yield f"open files grew: {grown}"
            return
        time.sleep(0.2)
