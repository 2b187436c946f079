"""What a machine may lack: said loudly where a person works, an error where ``CI=true``."""

import os
from typing import NoReturn

import pytest


def is_ci() -> bool:
    """Tell whether this is CI, where nothing may be left out."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def missing(what: str, sentence: str) -> NoReturn:
    """Skip the test, and have the closing summary say so; with ``CI=true`` fail it."""
    if is_ci():
        pytest.fail(f"{what} is missing. {sentence}", pytrace=False)
    pytest.skip(f"{what} is missing. {sentence}")
