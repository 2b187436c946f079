"""System checks: what would go wrong later is said at start."""

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DEFAULT_DB_ALIAS, DatabaseError

from exports.files.storage import storage_from
from exports.models import TokenUnreadable, Workspace
from exports.models.secrets import unseal
from exports.services import forks

logger = logging.getLogger(__name__)


@register()
def check_export_root(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """Refuse an ``EXPORT_ROOT`` that can't be made or written."""
    root = Path(settings.EXPORT_ROOT)
    nearest = next(folder for folder in (root, *root.parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return [
            Error(f"EXPORT_ROOT={root} can't be written.", hint="Make the folder, or set another.", id="exports.E001")
        ]
    return []


@register()
def check_storage_url(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """Refuse an ``EXPORT_STORAGE_URL`` that names no store; its text holds a secret and is not repeated."""
    try:
        storage_from(Path(settings.EXPORT_ROOT), settings.EXPORT_STORAGE_URL)
    except ValueError as error:
        return [Error(f"EXPORT_STORAGE_URL can't be used: {error}.", id="exports.E003")]
    return []


@register()
def check_cadence(app_configs: Sequence[AppConfig] | None, **_kwargs: Any) -> list[CheckMessage]:
    """Warn of settings that work, but not well."""
    if settings.EXPORT_TICK_SECONDS > settings.EXPORT_LEASE_SECONDS:
        return [
            Warning(
                "EXPORT_TICK_SECONDS is longer than EXPORT_LEASE_SECONDS: lost rings are repeated late.",
                id="exports.W001",
            )
        ]
    return []


def say_unreadable_tokens() -> None:
    """Log what `check_token_keys` finds, for web and workers, which start without ``manage.py``.

    In a thread beside everything else: the database may take its time, and nothing waits for it or ends with it.
    """
    threading.Thread(target=_say_unreadable_tokens, name="token-keys", daemon=True).start()


def _say_unreadable_tokens() -> None:
    with forks.without_forks():
        for message in check_token_keys(None, databases=[DEFAULT_DB_ALIAS]):
            logger.error("start.unreadable_tokens %s %s", message.msg, message.hint)


@register(Tags.database)
def check_token_keys(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_kwargs: Any
) -> list[CheckMessage]:
    """Name the workspaces whose tokens no key opens. Nothing is replaced: the right key makes them work again."""
    if not databases:
        return []
    try:
        sealed = list(Workspace.objects.exclude(token_sealed="").order_by().values_list("name", "token_sealed"))
    except DatabaseError:
        return []  # before the first migration there is nothing to read
    unreadable = []
    for name, text in sealed:
        try:
            unseal(text)
        except TokenUnreadable:
            unreadable.append(name)
    if not unreadable:
        return []
    return [
        Error(
            "No key in TOKEN_ENCRYPTION_KEYS opens the access token of: " + ", ".join(sorted(unreadable)),
            hint="Add the key that was in use when they were saved (several keys: separated by commas).",
            id="exports.E002",
        )
    ]
