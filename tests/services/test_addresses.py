"""Where a request came from, and who can't make it say something else."""

import pytest
from django.conf import LazySettings
from django.test import Client, RequestFactory

from exports.models import AuditEntry
from exports.services.addresses import client_address
from exports.services.audit_log import coming_from, record_audit
from tests.support.cast import Cast, make_export


def seen(peer: str, forwarded: str | None = None, **more: str) -> str | None:
    headers = more if forwarded is None else {"X-Forwarded-For": forwarded, **more}
    return client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer))


@pytest.fixture
def behind_https(settings: LazySettings) -> None:
    """As with an ``https://`` PUBLIC_URL."""
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.mark.parametrize("forwarded", ["198.51.100.7", "198.51.100.7, 127.0.0.1", "", "junk"])
def test_without_https_only_the_peer_counts(forwarded: str) -> None:
    assert seen("127.0.0.1", forwarded) == "127.0.0.1"
    assert seen("203.0.113.9", forwarded, **{"X-Real-IP": "198.51.100.7"}) == "203.0.113.9"


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.0.0.3", "172.18.0.5", "192.168.1.2", "fd00::5", ""])
def test_near_proxy_says_whom_it_saw(behind_https: None, peer: str) -> None:
    assert seen(peer, "198.51.100.7") == "198.51.100.7"
    assert seen(peer, "2001:db8::7") == "2001:db8::7"


def test_what_the_visitor_wrote_before_the_proxy_does_not_count(behind_https: None) -> None:
    assert seen("127.0.0.1", "1.1.1.1, 10.0.0.1, 198.51.100.7") == "198.51.100.7"
    assert seen("127.0.0.1", "198.51.100.7", **{"X-Real-IP": "1.1.1.1", "Forwarded": "for=1.1.1.1"}) == "198.51.100.7"


def test_far_peer_is_no_proxy_of_ours(behind_https: None) -> None:
    assert seen("203.0.113.9", "1.1.1.1") == "203.0.113.9"


@pytest.mark.parametrize("forwarded", ["", "unknown", "1.1.1.1,", "1.1.1.1, <script>", "1.1.1.1, 2.2.2.2:80\r\nX: y"])
def test_unreadable_header_leaves_the_peer(behind_https: None, forwarded: str) -> None:
    assert seen("10.0.0.3", forwarded) == "10.0.0.3"


def test_mapped_and_scoped_addresses_are_plain() -> None:
    assert seen("::ffff:203.0.113.9") == "203.0.113.9"
    assert seen("fe80::1%eth0") == "fe80::1"
    assert seen("") is None


def test_entries_carry_the_address_of_their_request_and_no_other(cast: Cast) -> None:
    with coming_from("198.51.100.7"):
        record_audit("test", actor=None, subject="inside")
        record_audit("test", actor=None, subject="told", address="198.51.100.8")
    record_audit("test", actor=None, subject="outside")
    assert dict(AuditEntry.objects.filter(action="test").values_list("subject", "address")) == {
        "inside": "198.51.100.7",
        "told": "198.51.100.8",
        "outside": None,
    }


def test_deed_on_a_page_is_on_record_with_its_address(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob)
    client = Client(REMOTE_ADDR="198.51.100.7")
    client.force_login(cast.bob)
    client.post(f"/exports/{export.pk}/cancel/")
    assert AuditEntry.objects.get(action="export.cancelled").address == "198.51.100.7"
