"""The product's own settings, with secrets and speeds for tests."""

import os
import tempfile

os.environ.setdefault("SECRET_KEY", "tests-only-" + "k" * 50)
os.environ.setdefault("TOKEN_ENCRYPTION_KEYS", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
os.environ.setdefault("EXPORT_ROOT", tempfile.mkdtemp(prefix="lac-tests-"))
os.environ.setdefault("ANALYTICS_CLOUD_ORIGINS", "http://127.0.0.1:1,https://analytics.liferay.com")
os.environ.setdefault("EXPORT_MIN_FREE_BYTES", "1000000")
os.environ.setdefault("EMAIL_URL", "memorymail://")

from lacportal.settings import *  # noqa: E402, F403
