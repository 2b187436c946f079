"""The people."""

from tests.support.cast import cast as cast
