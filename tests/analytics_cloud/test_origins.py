"""Where a token may go."""

import pytest

from exports.analytics_cloud.origins import (
    OriginRefused,
    canonical_origin,
    listed_origins,
    normalize_base_url,
    origin_of,
    redirect_target,
)

CLOUD = "https://analytics.liferay.com"


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        (CLOUD, CLOUD),
        (f"{CLOUD}/", CLOUD),
        (f"  {CLOUD}\n", CLOUD),
        ("HTTPS://Analytics.Liferay.COM", CLOUD),
        ("https://analytics.liferay.com:443", CLOUD),
        ("http://localhost:80", "http://localhost"),
        ("https://localhost:80", "https://localhost:80"),
        ("http://127.0.0.1:8091", "http://127.0.0.1:8091"),
        ("http://[::1]:8091", "http://[::1]:8091"),
        ("http://[0:0:0:0:0:0:0:1]:8091/", "http://[::1]:8091"),
        ("http://analytics_sim:8091", "http://analytics_sim:8091"),
    ],
)
def test_listed_origin_in_any_spelling_is_canonical(text, origin):
    assert normalize_base_url(text, [origin]) == origin


def test_entries_of_the_list_may_be_spelled_freely():
    assert normalize_base_url(CLOUD, [" HTTPS://ANALYTICS.liferay.com:443/ "]) == CLOUD


@pytest.mark.parametrize(
    "text",
    [
        "http://analytics.liferay.com",
        "https://analytics.liferay.com:8443",
        "https://analytics.liferay.com.example.org",
        "https://liferay.com",
        "https://xn--nalytics-2fg.liferay.com",
        "http://127.0.0.1",
        "http://localhost",
        "http://[::1]",
        "http://[::ffff:127.0.0.1]",
    ],
)
def test_origin_that_is_not_listed_is_refused(text):
    with pytest.raises(OriginRefused) as refused:
        normalize_base_url(text, [CLOUD, "http://127.0.0.1:8091"])
    assert refused.value.code == "not_listed"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "analytics.liferay.com",
        "//analytics.liferay.com",
        "ftp://analytics.liferay.com",
        "https:/analytics.liferay.com",
        "https:analytics.liferay.com",
        "https://",
        f"{CLOUD}/api",
        f"{CLOUD}//",
        f"{CLOUD}?a=b",
        f"{CLOUD}#a",
        "https://someone@analytics.liferay.com",
        "https://someone:secret@analytics.liferay.com",
        "https://analytics.liferay.com@example.org",
        "https://analytics.liferay.com\\@example.org",
        "https://analytics.liferay.com\\example.org",
        "https://analytics.\nliferay.com",
        "https://analytics .liferay.com",
        "https://analytics.liferay.com:65536",
        "javascript:alert(1)",
    ],
)
def test_text_that_is_no_origin_is_refused(text):
    with pytest.raises(OriginRefused) as refused:
        normalize_base_url(text, [CLOUD, text])
    assert refused.value.code == "not_an_origin"
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "127.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "127.0.0.01",
        "1.2.3.256",
        "1.2.3.4.5",
        "1.2.3.0x4",
        "host.0x",
        "localhost.",
        ".localhost",
        "a..b",
        "-a.example",
        "a-.example",
        "a" * 64 + ".example",
        ".".join(["a" * 50] * 6),
        "ａnalytics.liferay.com",
        "analytics。liferay.com",
        "ünï.example",
        "１２７.0.0.1",
        "%31%32%37.0.0.1",
        "analytics.liferay.com:",
        "analytics.liferay.com:0",
        "analytics.liferay.com:0443",
        "analytics.liferay.com:+443",
        "analytics.liferay.com:443:443",
        "analytics.liferay.com:999999",
        "[::1",
        "::1",
        "[::1%25lo]",
        "[1:2]",
        "[::1]x",
        "[127.0.0.1]",
        "*",
    ],
)
def test_odd_host_is_refused_even_when_listed(host):
    text = f"http://{host}"
    with pytest.raises(OriginRefused) as refused:
        normalize_base_url(text, [text, CLOUD])
    assert refused.value.code == "odd_host"


def test_entry_that_is_no_origin_allows_nothing():
    assert listed_origins(["*", "https://*.liferay.com", "null", f"{CLOUD}/path", CLOUD]) == {CLOUD}


def test_canonical_origin_needs_no_list():
    assert canonical_origin("http://Example.org:80/") == "http://example.org"


def test_origin_of_a_url_leaves_the_rest_out():
    assert origin_of(f"{CLOUD}:443/api?x=1#y") == CLOUD


@pytest.mark.parametrize("url", ["https://[::1", "nothing", "https://a@b/"])
def test_origin_of_an_odd_url_is_refused(url):
    with pytest.raises(OriginRefused):
        origin_of(url)


LISTED = [CLOUD, "http://analytics.liferay.com", "https://other.example", "https://analytics.liferay.com:8443"]
HERE = "http://analytics.liferay.com/api/reports/export/page?fromDate=a&toDate=b"
THERE = f"{CLOUD}/api/reports/export/page?fromDate=a&toDate=b"


@pytest.mark.parametrize(
    ("current", "location", "target"),
    [
        (HERE, THERE, THERE),
        (HERE, f"{CLOUD}", f"{CLOUD}/"),
        (HERE, f"{CLOUD}?a=b", f"{CLOUD}/?a=b"),
        (HERE, f"{CLOUD}:8443/x", f"{CLOUD}:8443/x"),
        (HERE, "HTTPS://ANALYTICS.LIFERAY.COM/x", f"{CLOUD}/x"),
        (HERE, "/other?a=b#c", "http://analytics.liferay.com/other?a=b"),
        (THERE, "deeper/one", f"{CLOUD}/api/reports/export/deeper/one"),
        (THERE, "//analytics.liferay.com/x", f"{CLOUD}/x"),
    ],
)
def test_redirect_on_the_same_host_is_followed(current, location, target):
    assert redirect_target(current, location, LISTED) == target


@pytest.mark.parametrize(
    ("current", "location", "code"),
    [
        (HERE, "https://other.example/x", "other_host"),
        (THERE, HERE, "other_host"),
        (HERE, "https://evil.example/", "not_listed"),
        (HERE, "//evil.example/", "not_listed"),
        (HERE, "https://analytics.liferay.com:444/", "not_listed"),
        (HERE, "https://analytics.liferay.com.evil.example/", "not_listed"),
        (HERE, "https://analytics.liferay.com@evil.example/", "not_an_origin"),
        (HERE, "https://someone:x@analytics.liferay.com/", "not_an_origin"),
        (HERE, "https://evil.example\\@analytics.liferay.com/", "not_an_origin"),
        (HERE, "https://analytics.liferay.com\\.evil.example/", "not_an_origin"),
        (HERE, "https://analytics.liferay.com /x", "not_an_origin"),
        (HERE, "https://analytics.liferay.com/\r\nx", "not_an_origin"),
        (HERE, "https://analytics.liferay.com/ü", "not_an_origin"),
        (HERE, "https://[::1/x", "not_an_origin"),
        (HERE, "ftp://analytics.liferay.com/", "not_an_origin"),
        (HERE, "", "not_an_origin"),
        (HERE, "https://127.1/", "odd_host"),
    ],
)
def test_redirect_elsewhere_is_refused(current, location, code):
    with pytest.raises(OriginRefused) as refused:
        redirect_target(current, location, LISTED)
    assert refused.value.code == code
