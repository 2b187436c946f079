"""A token goes to listed addresses only, however another one is written (promise 5)."""

import socket
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from exports.models import Membership, Workspace
from exports.services.refusals import WrongState
from exports.services.token_test import Verdict
from exports.services.token_test import test_token as try_token
from exports.services.workspaces import create_workspace
from tests.analytics_cloud.certificates import server_context, write_certificate
from tests.analytics_cloud.scripted import ScriptedServer, reply
from tests.security.addresses import browser_of
from tests.support.cast import ACME_TOKEN, BASE_URL, ApiCaller, Cast

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
TOKEN = "token-of-another-place-0123456789abcdefghijklmnopqrst"

EVIL = [
    "http://analytics.liferay.com",
    "https://analytics.liferay.com:8443",
    "https://analytics.liferay.com.evil.example",
    "https://analytics.liferay.com@evil.example",
    "https://evil.example#@analytics.liferay.com",
    "https://evil.example\\@analytics.liferay.com",
    "https://user:password@analytics.liferay.com",
    "https://analytics.liferay.com/path",
    "https://analytics.liferay.com?x=1",
    "https://analytics.liferay.com\r\nHost: evil.example",
    "https://analytics.liferay.com.",
    "https://аnalytics.liferay.com",  # the first letter is Cyrillic
    "https://xn--nalytics-2fg.liferay.com",
    "https://analytics。liferay。com",
    "https://ａnalytics.liferay.com",
    "http://127.0.0.1",
    "http://127.1:1",
    "http://0x7f.1",
    "http://0x7f000001",
    "http://017700000001",
    "http://127.0.0.1.nip.io",
    "http://①②⑦.⓪.⓪.①",
    "http://[::ffff:7f00:1]",
    "http://[fe80::1%25eth0]",
    "http://instance-data",
    "http://192.0.0.192",
    "https://analytics.liferay.com:443@evil.example",
    "https://analytics.liferay.com%2eevil.example",
    "https://analytics.liferay.com\t.evil.example",
    "https://faß.de",
    "http://0177.0.0.1",
    "http://2130706433",
    "http://0",
    "http://[::]",
    "http://[::1]",
    "http://[::ffff:127.0.0.1]",
    "http://localhost",
    "http://169.254.169.254",
    "http://metadata.google.internal",
    "http://[fd00:ec2::254]",
    "http://100.100.100.200",
    "http://10.0.0.1",
    "https://postgres.internal:5432",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379",
    "redis://127.0.0.1:6379",
    "//evil.example",
    "evil.example",
    "",
]


@pytest.fixture(autouse=True)
def _only_the_product_s_own_address(settings: LazySettings) -> None:
    settings.ANALYTICS_CLOUD_ORIGINS = [BASE_URL]


@pytest.mark.parametrize("address", EVIL)
def test_workspace_with_an_address_that_is_not_listed_is_refused_everywhere(address: str, cast: Cast) -> None:
    data = {"name": "New", "base_url": address, "time_zone": "UTC", "token": "some-token-0123456789abcdef"}
    assert browser_of(cast.ada).post("/workspaces/new/", data).status_code == 422
    assert ApiCaller(cast.ada).post("workspaces", data).status_code == 422
    with pytest.raises(CommandError):
        call_command("create_workspace", "--name", "New", "--base-url", address, stdin=StringIO(""))
    assert not Workspace.objects.filter(name="New").exists()


@pytest.mark.parametrize("address", EVIL)
def test_change_to_an_address_that_is_not_listed_is_refused(address: str, cast: Cast) -> None:
    data = {"name": "Acme", "base_url": address, "time_zone": "UTC"}
    answer = browser_of(cast.alice).post(f"/workspaces/{cast.acme.pk}/settings/", data)
    assert answer.status_code == 422
    cast.acme.refresh_from_db()
    assert (cast.acme.base_url, cast.acme.has_token) == (BASE_URL, True)


def at(server: ScriptedServer, cast: Cast, settings: LazySettings, token: str = TOKEN) -> Workspace:
    """Make a workspace at a listed server of the test."""
    settings.ANALYTICS_CLOUD_ORIGINS = [server.origin]
    name = f"At {server.origin}"
    made = create_workspace(actor=None, name=name, base_url=server.origin, time_zone="UTC", token=token)
    Membership.objects.create(workspace=made, user=cast.alice, role="manager")
    return made


def redirected(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """Have every name lead to this machine from now on, as a resolver does that somebody else has got hold of."""
    resolve = socket.getaddrinfo

    def rebound(host: str, _port: object, *arguments: object, **more: object) -> object:
        return resolve("127.0.0.1", port, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)


@pytest.mark.parametrize("secure", [True, False], ids=["a certificate of its own", "no certificate"])
def test_name_that_leads_elsewhere_all_at_once_gets_no_token(
    secure: bool, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name is still the listed one, the machine behind it isn't."""
    tls = server_context(write_certificate(tmp_path / "certificate.pem")) if secure else None
    with ScriptedServer(reply(body=b"{}"), tls=tls) as server:
        redirected(monkeypatch, int(server.origin.rpartition(":")[2]))
        tried = try_token(actor=cast.alice, workspace=cast.acme)
    assert tried.verdict is Verdict.UNAVAILABLE
    assert ACME_TOKEN.encode() not in b"".join(server.requests)


@pytest.mark.parametrize(
    "place",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "https://analytics.liferay.com.evil.example/",
        "//127.0.0.1:6379/",
        "https://127.1/",
        "file:///etc/passwd",
    ],
)
def test_redirect_from_the_listed_address_to_another_is_not_followed(
    place: str, cast: Cast, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer(reply("302 Found", Location=place)) as server:
        here = at(server, cast, settings)
        connected: list[object] = []
        connect = socket.socket.connect
        monkeypatch.setattr(socket.socket, "connect", lambda *a: connected.append(a[1]) or connect(*a))
        tried = try_token(actor=cast.alice, workspace=here)
    assert tried.verdict is Verdict.UNINTELLIGIBLE
    assert connected == [("127.0.0.1", int(server.origin.rpartition(":")[2]))]


def test_address_taken_off_the_list_gets_no_token_any_more(cast: Cast, settings: LazySettings) -> None:
    with ScriptedServer(reply(body=b"{}")) as server:
        here = at(server, cast, settings)
        settings.ANALYTICS_CLOUD_ORIGINS = [BASE_URL]
        with pytest.raises(WrongState):
            try_token(actor=cast.alice, workspace=here)
    assert server.requests == []


def test_environment_chooses_neither_the_way_nor_the_token_nor_whom_to_trust(
    cast: Cast, settings: LazySettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    certificate = write_certificate(tmp_path / "certificate.pem")
    with ScriptedServer(reply(body=b"{}")) as proxy, ScriptedServer(reply(body=b'{"_links":{}}')) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
            monkeypatch.setenv(name.lower(), proxy.origin)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        here = at(server, cast, settings)
        try_token(actor=cast.alice, workspace=here)
    assert proxy.requests == []
    assert f"Authorization: Bearer {TOKEN}\r\n".encode() in server.requests[0]
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(certificate))
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    with ScriptedServer(reply(body=b"{}"), tls=server_context(certificate)) as server:
        here = at(server, cast, settings, TOKEN[::-1])
        tried = try_token(actor=cast.alice, workspace=here)
    assert (tried.verdict, server.requests) == (Verdict.UNAVAILABLE, [])


def test_no_line_of_the_product_turns_certificate_checks_off() -> None:
    for path in (ROOT / "exports").rglob("*.py"):
        told = path.read_text()
        for word in ("verify=False", "verify = False", "CERT_NONE", "check_hostname = False", "_create_unverified"):
            assert word not in told, path
