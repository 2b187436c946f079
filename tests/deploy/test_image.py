"""Dockerfile and .env.example: what is copied exists, what runs is installed, every setting is named."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
READS_ENVIRONMENT = re.compile(r'(?:environment|env)\.\w+\(\s*"([A-Z_0-9]+)"|environ\.get\("([A-Z_0-9]+)"')
OF_COMPOSE_ALONE = {"POSTGRES_PASSWORD", "HTTP_PORT"}


def _copied() -> list[str]:
    lines = [line.split()[1:] for line in DOCKERFILE.splitlines() if line.startswith("COPY ")]
    return [name for line in lines for name in line[:-1] if not line[0].startswith("--from")]


def test_everything_that_is_copied_is_sent_to_the_engine() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(_copied()) == sent
    assert all((ROOT / name).exists() for name in sent)


def test_image_runs_as_a_user_without_rights() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.M) == ["10001:10001"]


def test_image_installs_from_the_hashed_lock() -> None:
    assert "--require-hashes --no-deps --requirement requirements.txt" in DOCKERFILE


def test_programs_of_the_commands_are_in_the_lock() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    programs = {service["command"][0] for service in services.values() if "command" in service}
    assert programs - {"python", "valkey-server"} == {"gunicorn", "celery"}
    lock = (ROOT / "requirements.txt").read_text()
    assert all(f"\n{program}==" in lock for program in ("gunicorn", "celery"))


def test_example_names_every_setting_and_no_other() -> None:
    read = set()
    for name in ("lacportal/settings.py", "gunicorn.conf.py"):
        read |= {one or other for one, other in READS_ENVIRONMENT.findall((ROOT / name).read_text())}
    # The three that only make sense together are read together.
    read |= set(re.findall(r'"(OIDC_[A-Z_]+)"', (ROOT / "lacportal/environment.py").read_text()))
    named = set(re.findall(r"^(?:# )?([A-Z][A-Z_0-9]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert named - OF_COMPOSE_ALONE == read


def test_example_holds_no_secret() -> None:
    given = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M))
    assert given == {
        "SECRET_KEY": "",
        "TOKEN_ENCRYPTION_KEYS": "",
        "POSTGRES_PASSWORD": "",
        "PUBLIC_URL": "http://localhost:8080",
    }
