"""The product's own settings, with secrets and speeds for tests."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_folder = tempfile.mkdtemp(prefix="lac-tests-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)

os.environ.setdefault("SECRET_KEY", "tests-only-" + "k" * 50)
os.environ.setdefault("TOKEN_ENCRYPTION_KEYS", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
os.environ.setdefault("EXPORT_ROOT", str(Path(_folder) / "exports"))
# Nobody listens there: a test must not ring at the Redis of whoever runs it.
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:1/0")
os.environ.setdefault("ANALYTICS_CLOUD_ORIGINS", "http://127.0.0.1:1,https://analytics.liferay.com")
os.environ.setdefault("EXPORT_MIN_FREE_BYTES", "1000000")
os.environ.setdefault("EMAIL_URL", "memorymail://")

from lacportal.settings import *  # noqa: E402, F403

# Every new client of a test would read all static files anew; this looks for the one that is asked for.
WHITENOISE_AUTOREFRESH = True

# The real processes of other tests hash as the product does; tests/lacportal/test_passwords.py looks at how.
PASSWORD_HASHERS = ["tests.support.hashers.QuickArgon2"]

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, as in production: threads of a test share it, which they can't do with a database in memory.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(_folder) / "test.sqlite3")}  # noqa: F405
