"""The one folder the demo lives in: secrets, lock, what was chosen last time. Deleting it forgets everything."""

import fcntl
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet

ROLES = ("viewer", "member", "manager", "admin")
# The kernel and a janitor at work release a lock within this time.
PATIENCE_SECONDS = 20.0


class AlreadyRunning(RuntimeError):
    """Another demo lives in this folder; the text says where."""


class FolderUnusable(RuntimeError):
    """The folder can't be made, or is somebody else's; the text says which and what to do."""


@dataclass
class Secrets:
    """Made once per folder, readable by its owner alone."""

    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(50))
    encryption_key: str = field(default_factory=lambda: Fernet.generate_key().decode())
    # The bundled simulator knows every token that starts with "demo".
    workspace_token: str = field(default_factory=lambda: f"demo-{secrets.token_hex(24)}")
    api_token: str = ""
    passwords: dict[str, str] = field(default_factory=lambda: {role: secrets.token_urlsafe(9) for role in ROLES})


@dataclass
class Running:
    """Who runs here, as read by a second start."""

    process: int = 0
    address: str = ""
    simulator_port: int = 0


class DemoFolder:
    """The folder, made if needed and closed to others.

    Raises:
        FolderUnusable: there is a file of that name, or it is another account's, as after a start with ``sudo``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
            for name in ("logs", "exports", "downloads"):
                (self.path / name).mkdir(exist_ok=True)
        except OSError as error:
            raise FolderUnusable(
                f"The demo can't keep its data in {self.path}: {error.strerror}. Remove what lies there, or name "
                "another folder: make demo DEMO_DIR=/path/to/a/folder"
            ) from None
        self._lock: int | None = None

    @property
    def logs(self) -> Path:
        """Return the folder of the logs."""
        return self.path / "logs"

    def lock(self) -> int:
        """Take the folder for this process, and return the lock's descriptor.

        The kernel releases the lock with the last process that holds the descriptor.

        Raises:
            AlreadyRunning: somebody has it.
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._lock = descriptor
                return descriptor
            except BlockingIOError:
                running = self.running()
                # A supervisor that was killed leaves its janitor behind for a few seconds: that one is waited for.
                if is_alive(running.process) or time.monotonic() > end:
                    os.close(descriptor)
                    raise AlreadyRunning(
                        f"The demo already runs at {running.address} (process {running.process}, data in "
                        f"{self.path}). Stop it with Ctrl-C where it runs, or start another one with a folder and "
                        "a port of its own: make demo DEMO_DIR=.demo2 PORT=8100"
                    ) from None
                time.sleep(0.2)

    def running(self) -> Running:
        """Return what the last start wrote down."""
        try:
            return Running(**json.loads((self.path / "running.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return Running()

    def note_running(self, running: Running) -> None:
        """Write down who runs here and where."""
        self._write("running.json", asdict(running))

    def secrets(self) -> Secrets:
        """Return the secrets, made at the first call for this folder."""
        try:
            return Secrets(**json.loads((self.path / "secrets.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            made = Secrets()
            self.keep(made)
            return made

    def keep(self, made: Secrets) -> None:
        """Write the secrets."""
        self._write("secrets.json", asdict(made))

    def _write(self, name: str, content: dict[str, object]) -> None:
        new = self.path / f"{name}.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file, indent=1)
        new.replace(self.path / name)


def is_alive(process: int) -> bool:
    """Tell whether a process of this id exists."""
    if process <= 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
