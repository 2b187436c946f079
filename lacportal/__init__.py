"""Wiring only: settings, Celery application, URLs, WSGI."""

from lacportal.celery import app as celery_app

__all__ = ["celery_app"]
