"""Whatever is sent to whatever address: an answer that says what is wrong, never a fault of ours; on both databases."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.test import Client

from tests.security.addresses import Address, another, browser_of, every_address, keys_for
from tests.security.test_matrix import ROWS
from tests.support.cast import ApiCaller, Cast, content_of, make_ready_export

pytestmark = pytest.mark.django_db

PAGES = [one for one in every_address() if not one.is_api and not one.is_admin]
# Those that read a query: of ours, and the lists of Django's administration.
QUERIED = [
    one
    for one in every_address()
    if one.name.split(":")[-1] in ("export-list", "export-new", "export-preview", "export-download", "file-preview")
    or one.name in ("audit", "workspace-audit", "audit-csv", "workspace-limits", "account_login", "admin:autocomplete")
    or (one.is_admin and one.name.endswith("_changelist"))
]
FORMS = [one for one in PAGES if "405" not in ROWS[one.name][1]]
DIGITS = "9" * 5000
# As they stand in an address or a form, already quoted: some of them are no text in any encoding.
ODD = [
    *("%00", "a%00b", "%ED%A0%80", "%FF", "%C0%AE%C0%AE%2F", "%0D%0ASet-Cookie:x=1", "%E2%80%AE", "%F0%9F%92%A9"),
    *(DIGITS, "-1", "0", "1e999", "0x7f", "NaN", "%27%20OR%201%3D1--", "%25%5F%5C", "..%2F..%2Fetc%2Fpasswd", "%7B%7D"),
    *("0001-01-01", "9999-12-31", "10000-01-01", "2026-02-30", "2026-10-01T00:00:00%2B99:99", "%3Cscript%3E"),
    *("00000000-0000-0000-0000-000000000000", "%7B00000000-0000-0000-0000-000000000000%7D", "a" * 3000),
]
# Every parameter that a page of ours reads, and those of Django's administration.
PARAMETERS = (
    *(
        "q",
        "who",
        "status",
        "type",
        "types",
        "workspace",
        "cursor",
        "limit",
        "v",
        "next",
        "next_of",
        "like",
        "range",
        "format",
    ),
    *("first_day", "last_day", "from", "to", "start", "end", "action", "person", "subject", "since", "until", "guard"),
    *("name", "column", "page", "o", "p", "e", "all", "_changelist_filters", "_to_field", "_popup", "pause_code"),
    *("role", "actor", "code", "key", "is_active__exact", "id__exact", "pk__in"),
)
SERVER_FAULT = 500
PART = b'--x\r\nContent-Disposition: form-data; name="a"'


def faults_of(answer: Any, what: str) -> Iterator[str]:
    content_of(answer)
    if answer.status_code >= SERVER_FAULT:
        yield f"{answer.status_code} {what[:160]}"


@pytest.mark.parametrize("address", QUERIED, ids=lambda one: one.name)
def test_odd_value_of_any_parameter_is_no_fault_of_ours(address: Address, cast: Cast, engine: None) -> None:
    client = browser_of(cast.ada)
    path = address.path({"object_id": cast.bob.pk, "id": cast.bob.pk} | keys_for(address, cast))
    wrong = []
    for odd in ODD:
        # One value in all parameters finds what each alone would; a parameter that fails hides those after it.
        query = "&".join(f"{name}={odd}" for name in PARAMETERS)
        for asked in (query, f"q={odd}"):
            wrong += faults_of(client.get(f"{path}?{asked}"), f"{asked[:12]} {odd[:40]}")
    assert wrong == []


def odd_forms(data: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield a form with each field in turn made odd, and with all of them."""
    for odd in (*ODD[:6], DIGITS, "9999-12-31"):
        fields = {name: quote(str(value)) for name, value in data.items()}
        for name in fields or {"name": ""}:
            body = "&".join(f"{key}={odd if key == name else value}" for key, value in fields.items())
            yield f"{name}={odd[:40]}", (body or f"{name}={odd}").encode()
        yield f"all={odd[:40]}", "&".join(f"{key}={odd}" for key in (*fields, *PARAMETERS)).encode()


@pytest.mark.parametrize("address", FORMS, ids=lambda one: one.name)
def test_odd_form_is_no_fault_of_ours(address: Address, cast: Cast, engine: None) -> None:
    path = address.path(keys_for(address, cast))
    data = ROWS[address.name][2] | {
        "account_login": {"login": "bob@example.com", "password": "x", "next": "/"},
        "account_reset_password": {"email": "bob@example.com"},
        "export-new": {"workspace": cast.acme.pk, "types": "page", "range": "days", "first_day": "2026-10-01"}
        | {"last_day": "2026-10-02", "name": "x", "note": "x"},
    }.get(address.name, {})
    wrong = []
    browser = browser_of(None if address.name.startswith("account_") else cast.ada)
    for what, body in [*odd_forms(data), *((one, f"next=%2F{one}".encode()) for one in (DIGITS, "%00", "%0d%0a"))]:
        answer = another(browser).post(path, body, content_type="application/x-www-form-urlencoded")
        wrong += faults_of(answer, what)
    assert wrong == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", PART + b"\r\n\r\n"),
        ("multipart/form-data; boundary=" + "x" * 300, b"--x"),
        ("multipart/form-data; boundary=x", PART + b'; filename="../../x"\r\n\r\nq\r\n--x--'),
        ("application/x-www-form-urlencoded; charset=nonsense", b"a=1"),
        ("application/x-www-form-urlencoded; charset=utf-16", "a=1".encode("utf-16")),
        ("application/x-www-form-urlencoded", urlencode({f"f{n}": n for n in range(1500)}).encode()),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 3_000_000),
        ("application/json", b"{"),
        ("", b""),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_odd_body_of_a_form_is_no_fault_of_ours(content_type: str, body: bytes, cast: Cast, engine: None) -> None:
    client = browser_of(cast.alice, enforce_csrf_checks=True)
    wrong = []
    for path in ("/exports/new/", "/account/", f"/workspaces/{cast.acme.pk}/settings/", "/accounts/login/"):
        wrong += faults_of(client.generic("POST", path, body, content_type=content_type), path)
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Cookie", "sessionid=%00; csrftoken=\x00; time_zone=../../etc/passwd; django_language=../x; device=x"),
        ("Cookie", "sessionid=" + "a" * 4000),
        ("Cookie", 'time_zone="a\\000b"'),
        ("Accept-Language", "ja" * 3000),
        ("Accept-Language", ",ja;q=2,en;q=x"),
        ("User-Agent", "é" * 900),
        ("Referer", "http://[::1"),
        ("Origin", "http://[::1"),
        ("X-Forwarded-For", "a, " * 900),
        ("HX-Request", "é"),
        ("Range", "bytes=" + DIGITS + "-"),
        ("If-None-Match", '"' * 2000),
        ("If-Modified-Since", "Thu, 99 Foo 99999 99:99:99 GMT"),
        ("X-HTTP-Method-Override", "DELETE"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_odd_header_is_no_fault_of_ours(name: str, value: str, cast: Cast, engine: None) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    wrong = []
    for client in (Client(raise_request_exception=False), browser_of(cast.alice)):
        if name == "Cookie":
            client.cookies.load(re.sub(r"[\x00]", "", value))
        for path in ("/", "/accounts/login/", f"/exports/{export.pk}/", f"/exports/{export.pk}/download/", "/nowhere"):
            wrong += faults_of(client.get(path, headers={name: value}), path)
        sent = {"login": "bob@example.com", "password": "x"}
        wrong += faults_of(client.post("/accounts/login/", sent, headers={name: value}), "sign-in")
    caller = ApiCaller(cast.bob)
    for path in ("exports", f"exports/{export.pk}", f"exports/{export.pk}/file"):
        wrong += faults_of(caller.get(path, headers={name: value}), path)
    assert wrong == []


def cursor(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


CURSORS = [
    *("%00", "%ED%A0%80", "a", "====", DIGITS, cursor(), cursor(1), cursor(1, 2, 3), cursor("x", "y")),
    *(cursor(None, None), cursor(10**30, "x"), cursor(-(10**30), "x"), cursor(1, "\x00"), cursor(1, DIGITS)),
    *(cursor(1, "-1"), cursor(True, "1")),
    *(cursor(1.5, "1"), cursor(1, {}), cursor(253402300799999999, "00000000-0000-0000-0000-000000000000")),
    *(cursor(-62135596800000000, "1"), base64.urlsafe_b64encode(b"[" * 5000).decode(), cursor(1, "\ud800")),
    base64.urlsafe_b64encode(b"[9" + b"9" * 5000 + b', "1"]').decode(),
]  # fmt: skip


@pytest.mark.parametrize("odd", CURSORS, ids=lambda value: value[:24])
def test_odd_cursor_is_refused_everywhere(odd: str, cast: Cast, engine: None) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    caller, client = ApiCaller(cast.ada), browser_of(cast.ada)
    for path in ("exports", "workspaces", f"exports/{export.pk}/events"):
        answer = caller.get(f"{path}?cursor={odd}")
        assert answer.status_code in (200, 422), (path, odd[:60])
        assert answer.json()
    for path in ("/", "/audit/", f"/workspaces/{cast.acme.pk}/audit/"):
        assert client.get(f"{path}?cursor={odd}").status_code < SERVER_FAULT, path


TEXTS = [
    '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u202e"', '"\\r\\nX: y"', '"\\u2028"', '"\\ufeff"',
    '""', '" "', '"' + "x" * 100_000 + '"', '"' + "\\ud83d\\udca9" * 200 + '"', "9" * 5000, "-" + "9" * 400, "1e400",
    "-0", "0.1e-400", "true", "null", "[]", "{}", "[[[[1]]]]", '{"a":{"a":{"a":1}}}', '"0001-01-01T00:00:00Z"',
    '"9999-12-31T23:59:59.999999999Z"', '"2026-02-30T00:00:00Z"', '"2026-10-01T00:00:60Z"', '"2026-10-01T24:00:00Z"',
    '"2026-10-01T00:00:00+24:00"', '"1969-12-31T23:59:59-23:59"', '"2199-12-31T23:59:59-23:59"', '"＋１２３"',
    '"urn:uuid:00000000-0000-0000-0000-000000000000"', '"{00000000000000000000000000000000}"',
    '"../../etc/passwd"', '"https://user:x@analytics.liferay.com"', '"__proto__"', '"Europe/../../etc/passwd"',
    '"Asia/Tokyo\\u0000"',
]  # fmt: skip
BODIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "export": ("POST", "exports", {"type": "page", "from": "2026-10-01T00:00:00Z", "to": "2026-10-02T00:00:00Z"}),
    "workspace": ("POST", "workspaces", {"base_url": "https://analytics.liferay.com", "time_zone": "UTC"}),
    "token": ("PUT", "workspaces/{acme}/token", {"token": "a-good-token-0123456789abcdefghijklmn", "expires_at": None}),
}


def _odd_bodies(whole: dict[str, Any]) -> Iterator[str]:
    fields = {name: json.dumps(value) for name, value in whole.items()}
    for odd in TEXTS:
        for name in (*fields, "other"):
            yield "{" + ", ".join(f'"{key}": {value}' for key, value in (fields | {name: odd}).items()) + "}"
    text = json.dumps(whole)
    yield text[:-1] + ', "type": 1, "token": 2, "name": 3}'  # a key twice: the last one counts, for everybody alike
    yield "\ufeff" + text
    yield text + text
    yield text + " //"
    yield text.replace('"', "'")
    yield "[" + text + "]"
    yield json.dumps(text)
    yield '{"a":' * 20_000 + "1" + "}" * 20_000
    yield " " * 10_000_000
    yield text[:-1] + ', "more": "' + "x" * 10_000_000 + '"}'
    yield text[:-1] + "".join(f', "k{number}": 1' for number in range(20_000)) + "}"


@pytest.mark.parametrize("name", BODIES)
def test_odd_json_is_accepted_or_a_problem(name: str, cast: Cast) -> None:
    method, path, whole = BODIES[name]
    if name == "export":
        whole = whole | {"workspace": str(cast.acme.pk), "name": "n", "fresh": False}
    if name == "workspace":
        whole = whole | {"name": "New", "token": "a-new-token-0123456789abcdefghijklmnop"}
    wrong = []
    caller = ApiCaller(cast.ada)
    for number, body in enumerate(_odd_bodies(whole)):
        if number % 200 == 0:
            caller = ApiCaller(cast.ada)
        answer = caller.send(method, path.format(acme=cast.acme.pk), data=body.encode("utf-8", "surrogatepass"))
        good = answer.status_code in (200, 201, 204)
        if not good and (answer.status_code >= SERVER_FAULT or answer["Content-Type"] != "application/problem+json"):
            wrong.append(f"{answer.status_code} {body[:200]}")
        if not good:
            assert answer.json()["detail"]
    assert wrong == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1", "utf-7"])
def test_json_in_another_encoding_is_a_problem_or_read_as_such(encoding: str, cast: Cast) -> None:
    body = json.dumps({"name": "Ärger 日本" if encoding != "latin-1" else "Ärger"}, ensure_ascii=False).encode(encoding)
    caller = ApiCaller(cast.ada)
    answer = caller.client.generic(
        *("POST", "/api/v1/exports", body, f"application/json; charset={encoding}"),
        headers={"Authorization": f"Bearer {caller.text}"},
    )
    assert answer.status_code in (400, 422)
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_method_is_what_was_sent_whatever_a_header_or_field_says(header: str, cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    caller = ApiCaller(cast.bob)
    assert caller.get(f"exports/{export.pk}/cancel", headers={header: "POST"}).status_code == 405
    assert caller.get(f"exports/{export.pk}/cancel?_method=POST").status_code == 405
    client = browser_of(cast.bob)
    assert client.get(f"/exports/{export.pk}/delete/", headers={header: "POST"}).status_code == 405
    assert client.get(f"/exports/{export.pk}/delete/?_method=POST").status_code == 405


@pytest.mark.parametrize("query", ["limit=" + DIGITS, "limit=-1", "limit=1e3", "limit=%00", "status=%00", "type=%00",
                                   "workspace=%00", "workspace=" + "0" * 32, "status=ready&status=%00", "limit=１",
                                   "limit=%EF%BC%91", "cursor=&limit=", "format=%00"])  # fmt: skip
def test_odd_query_of_the_api_is_accepted_or_a_problem(query: str, cast: Cast) -> None:
    for path in ("exports", "workspaces"):
        answer = ApiCaller(cast.ada).get(f"{path}?{query}")
        assert answer.status_code in (200, 404, 422), (path, query[:40], answer.status_code)
        if answer.status_code != 200:
            assert answer["Content-Type"] == "application/problem+json"
