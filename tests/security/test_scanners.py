"""What programs find that nobody here wrote: bandit in the code, schemathesis at the API of a live portal."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings
from pytest_django.live_server_helper import LiveServer

from exports.models import Export, Scope, Status
from exports.services.api_tokens import make_api_token
from tests.support.cast import make_cast, make_export, make_ready_export

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
CODE = ("exports", "lacportal", "scripts", "deploy", "manage.py", "gunicorn.conf.py")
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"),
    *("response_headers_conformance", "unsupported_method", "allow_header_conformance", "ignored_auth"),
    "use_after_free",
    # Left out: negative_data_rejection. Filters are described strictly and read leniently (an empty one is none).
)


def test_bandit_finds_nothing_in_the_code() -> None:
    command = [str(PROGRAMS / "bandit"), "--quiet", "--configfile", "pyproject.toml", "--recursive", *CODE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_bandit_leaves_out_has_its_reason_beside_it() -> None:
    for path in (path for name in CODE for path in ([ROOT / name] if "." in name else (ROOT / name).rglob("*.py"))):
        for line in path.read_text().splitlines():
            if "nosec" in line:
                assert re.search(r"# nosec B\d{3}  # \w+", line), f"{path}: {line}"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("role", ["vera", "alice"])
def test_schemathesis_finds_no_fault_and_no_answer_that_is_not_documented(
    role: str, live_server: LiveServer, settings: LazySettings, tmp_path: Path
) -> None:
    """With a viewer's and with a manager's token."""
    settings.REQUESTS_PER_SECOND = 1_000_000.0
    cast = make_cast()
    make_ready_export(cast.acme, cast.bob)
    make_export(cast.acme, cast.alice, Status.FAILED)
    make_export(cast.acme, cast.alice)
    _row, token = make_api_token(user=getattr(cast, role), name="schemathesis", scopes=list(Scope))
    command = [
        *(str(PROGRAMS / "schemathesis"), "run", f"{live_server.url}/api/v1/openapi.json"),
        *("--header", f"Authorization: Bearer {token}"),
        *("--checks", ",".join(CHECKS), "--max-examples", "12", "--seed", "20261124", "--generation-deterministic"),
        *("--phases", "examples,coverage,fuzzing,stateful", "--request-timeout", "30", "--continue-on-failure"),
        *("--suppress-health-check", "all", "--no-color", "--warnings", "off"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert Export.objects.exists()
