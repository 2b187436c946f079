"""The same people and browsers as the pages' tests have."""

from tests.support.cast import cast as cast
from tests.web.conftest import browse as browse
from tests.web.conftest import engine as engine
