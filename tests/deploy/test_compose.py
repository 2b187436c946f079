"""docker-compose.yml: true to the published schema, without secrets, every part watched and confined."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((Path(__file__).parent / "vendor" / "compose-spec.json").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_compose_file_meets_the_published_schema() -> None:
    errors = sorted(Draft202012Validator(SCHEMA).iter_errors(COMPOSE), key=str)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_schema_would_refuse_a_misspelt_key() -> None:
    broken = COMPOSE | {"services": {"web": {"imagee": "x"}}}
    assert list(Draft202012Validator(SCHEMA).iter_errors(broken))


def test_every_part_of_the_product_is_there() -> None:
    assert set(SERVICES) == {
        *("postgres", "redis", "migrate", "web", "worker-poll", "worker-transfer", "worker-convert", "beat", "nginx"),
    }
    queues = {name: service["command"][5] for name, service in SERVICES.items() if name.startswith("worker")}
    assert queues == {"worker-poll": "poll", "worker-transfer": "transfer", "worker-convert": "convert"}


def test_no_secret_is_written_in_the_file() -> None:
    for service in SERVICES.values():
        for name, value in (service.get("environment") or {}).items():
            if "PASSWORD" in name or "KEY" in name or "SECRET" in name:
                assert value.startswith("${")
    assert "${POSTGRES_PASSWORD:?" in SERVICES["web"]["environment"]["DATABASE_URL"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"migrate"}))
def test_service_comes_back_after_a_fall(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", ["postgres", "redis", "web", "nginx"])
def test_server_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"postgres", "redis"}))
def test_our_processes_can_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_database_and_broker_are_reached_from_inside_only(name: str) -> None:
    assert SERVICES[name]["networks"] == ["inside"]
    assert "ports" not in SERVICES[name]
    assert COMPOSE["networks"]["inside"]["internal"] is True


@pytest.mark.parametrize("name", ["web", "worker-poll", "worker-transfer", "worker-convert", "beat"])
def test_portal_starts_after_the_database_is_up_to_date(name: str) -> None:
    assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert SERVICES["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_nginx_reads_the_files_by_their_group_and_is_not_who_writes_them() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    user, group = re.findall(r"^USER (\d+):(\d+)$", dockerfile, re.M)[0]
    own, same = SERVICES["nginx"]["user"].split(":")
    assert (own != user, same) == (True, group)
    assert "--mode 750 /srv/exports" in dockerfile
    assert "exports:/srv/exports:ro" in SERVICES["nginx"]["volumes"]


def test_accel_location_is_the_one_nginx_knows() -> None:
    location = SERVICES["web"]["environment"]["EXPORT_ACCEL_LOCATION"]
    configuration = (ROOT / "deploy/nginx/portal.conf").read_text()
    assert f"location {location} {{\n        internal;\n        alias /srv/exports/;" in configuration
    assert SERVICES["web"]["environment"]["EXPORT_ROOT"] == "/srv/exports"
