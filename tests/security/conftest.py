"""The same people and browsers as the pages' tests have."""

import pytest
from django.core.cache import cache

from tests.support.cast import cast as cast
from tests.web.conftest import browse as browse
from tests.web.conftest import engine as engine


@pytest.fixture(autouse=True)
def _limits_start_anew() -> None:
    """Let no test be throttled for what its neighbours sent."""
    cache.clear()
