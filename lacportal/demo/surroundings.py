"""The environment of the demo's processes: the settings of design.md §6, at a pace one can watch."""

import os
from pathlib import Path
from urllib.parse import quote

from lacportal.demo.folder import DemoFolder, Secrets

# What belongs to the demo alone: whatever the shell has of another installation is not touched.
OWN = (
    "DATABASE_URL",
    "SECRET_KEY",
    "TOKEN_ENCRYPTION_KEYS",
    "ALLOWED_HOSTS",
    "EXPORT_STORAGE_URL",
    "EXPORT_ACCEL_LOCATION",
    "EMAIL_URL",
    "DEFAULT_FROM_EMAIL",
    "DJANGO_SETTINGS_MODULE",
)

# What the shell may set otherwise. The real pace would have one wait five minutes for the first answer.
PACE = {
    "EXPORT_TICK_SECONDS": "1",
    "EXPORT_POLL_FIRST_SECONDS": "1",
    "EXPORT_POLL_MAX_SECONDS": "3",
    "EXPORT_LEASE_SECONDS": "10",
    "EXPORT_MIN_FREE_BYTES": "100000000",
}

SIMULATOR_PACE = ("--rhythm", "5", "--duration", "2:4", "--rows", "500")


def surroundings(
    *, folder: DemoFolder, secrets: Secrets, address: str, simulator: str, redis_url: str
) -> dict[str, str]:
    """Return the environment for every process of the demo.

    Args:
        address: where the pages are, as people type it.
        simulator: origin of the bundled Analytics Cloud.
        redis_url: the broker.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in OWN}
    return {
        **PACE,
        **inherited,
        "DJANGO_SETTINGS_MODULE": "lacportal.settings",
        "SECRET_KEY": secrets.secret_key,
        "TOKEN_ENCRYPTION_KEYS": secrets.encryption_key,
        "DATABASE_URL": f"sqlite:///{quote(str(folder.path / 'db.sqlite3'))}",
        "REDIS_URL": redis_url,
        "PUBLIC_URL": address,
        "ANALYTICS_CLOUD_ORIGINS": simulator,
        "EXPORT_ROOT": str(folder.path / "exports"),
        # No mail server is at hand, and in a log the link of an invitation would be redacted.
        "EMAIL_URL": f"filemail:///{quote(str(folder.path / 'mails'))}",
        "PYTHONUNBUFFERED": "1",
    }


def source_folder() -> Path:
    """Return where ``manage.py`` lies."""
    return Path(__file__).resolve().parent.parent.parent
