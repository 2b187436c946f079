"""Callers of the API."""

from tests.support.cast import cast as cast
