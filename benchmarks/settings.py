"""Makes Django ready for a benchmark: the product's own settings, with secrets of no worth."""

import os

import django


def set_up(**environment: str) -> None:
    """Load the settings; ``environment`` goes before what is set already."""
    os.environ.update(environment)
    os.environ.setdefault("SECRET_KEY", "benchmarks-only-" + "k" * 50)
    os.environ.setdefault("TOKEN_ENCRYPTION_KEYS", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lacportal.settings")
    django.setup()
