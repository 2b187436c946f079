"""A token goes to listed addresses only, however another one is written (promise 5)."""

from io import StringIO

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from exports.models import Workspace
from tests.security.addresses import browser_of
from tests.support.cast import BASE_URL, ApiCaller, Cast

pytestmark = pytest.mark.django_db

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
