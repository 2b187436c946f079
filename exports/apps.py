"""The one application."""

from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """Exports of Analytics Cloud workspaces: rows, engine, files, pages and API."""

    name = "exports"
    verbose_name = "LAC Portal"

    def ready(self) -> None:
        # Django loads models before these may import them.
        from exports import checks, connections  # noqa: F401, PLC0415
        from exports.web import confirm, devices, on_record, sessions  # noqa: F401, PLC0415
