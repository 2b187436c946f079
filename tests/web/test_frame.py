"""What every page shares: language, zone, theme, headers, files, icons."""

import gzip
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template import Context, Template
from django.test import Client
from django.utils import translation

from exports.models import User
from exports.templatetags import portal
from exports.web.explain import EVENT_ICONS, FORMATS, OTHER_EVENT_ICON, STATUSES, TONE_ICONS, TYPES
from tests.support.cast import Cast, content_of
from tests.web.conftest import Browse
from tests.web.markup import check_page, read, text_of

pytestmark = pytest.mark.django_db

TEMPLATES = Path(settings.BASE_DIR) / "templates"


def all_templates() -> list[Path]:
    return sorted(TEMPLATES.rglob("*.html"))


def test_every_icon_that_a_page_names_is_in_the_sprite() -> None:
    sprite = Path(str(finders.find(portal.SPRITE))).read_text()
    there = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    named = {name for file in all_templates() for name in re.findall(r'{% icon "([^"]+)"', file.read_text())}
    named |= {one.icon for table in (TYPES, STATUSES, FORMATS) for one in table.values()}
    named |= {*EVENT_ICONS.values(), *TONE_ICONS.values(), OTHER_EVENT_ICON}
    assert named <= there


def test_every_file_that_a_page_names_is_there_and_served(client: Client) -> None:
    named = {
        name
        for file in all_templates()
        for name in re.findall(r"{% (?:asset|static) '([^']+)'", file.read_text())
        if name.startswith("exports/")
    }
    assert len(named) >= 7
    for name in named:
        assert finders.find(name), name


@pytest.mark.parametrize(
    "packed", sorted(Path(settings.BASE_DIR).glob("exports/static/**/*.gz")), ids=lambda file: file.name
)
def test_compressed_file_is_the_file_beside_it_and_is_what_browsers_get(packed: Path, client: Client) -> None:
    assert gzip.decompress(packed.read_bytes()) == packed.with_suffix("").read_bytes()
    address = "/static/" + str(packed.with_suffix("").relative_to(Path(settings.BASE_DIR) / "exports" / "static"))
    answer = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert content_of(answer) == packed.read_bytes()


@pytest.mark.parametrize("file", all_templates(), ids=lambda file: str(file.relative_to(TEMPLATES)))
def test_no_template_carries_style_or_script_of_its_own(file: Path) -> None:
    text = file.read_text()
    assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:|\|safe\b(?!\s*}}</div>)", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_answer_carries_the_headers_that_keep_browsers_careful(cast: Cast, browse: Browse) -> None:
    answer = browse(cast.alice).get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_language_of_the_person_comes_before_the_browser_s(cast: Cast, browse: Browse) -> None:
    User.objects.filter(pk=cast.alice.pk).update(language="ja")
    answer = browse(cast.alice).get("/", headers={"Accept-Language": "en"})
    assert '<html lang="ja"' in answer.content.decode()
    answer = browse(cast.bob).get("/", headers={"Accept-Language": "ja"})
    assert '<html lang="ja"' in answer.content.decode()
    assert answer.headers["Content-Language"] == "ja"


def test_language_is_changed_for_the_person_and_the_sign_in_page(cast: Cast, browse: Browse) -> None:
    client = browse(cast.alice)
    answer = client.post("/language/", {"language": "ja", "next": "/account/"})
    assert answer.headers["Location"] == "/account/"
    cast.alice.refresh_from_db()
    assert cast.alice.language == "ja"
    client.post("/accounts/logout/")
    assert '<html lang="ja"' in client.get("/accounts/login/").content.decode()
    stranger = Client()
    stranger.post("/language/", {"language": "ja"})
    assert '<html lang="ja"' in stranger.get("/accounts/login/").content.decode()


def test_unknown_language_changes_nothing(cast: Cast, browse: Browse) -> None:
    answer = browse(cast.alice).post("/language/", {"language": "tlh", "next": "https://evil.example/"})
    assert answer.headers["Location"] == "/"
    cast.alice.refresh_from_db()
    assert cast.alice.language == ""


@pytest.mark.parametrize(
    ("chosen", "cookie", "letters"),
    [
        ("Asia/Tokyo", "America/New_York", "JST"),
        ("", "Asia/Tokyo", "JST"),
        ("", "", "UTC"),
        ("", "../../etc/passwd", "UTC"),
        ("", "x" * 300, "UTC"),
        ("Nowhere/Land", "Asia/Tokyo", "JST"),
    ],
)
def test_times_stand_in_the_chosen_zone_else_the_browser_s_else_utc(
    chosen: str, cookie: str, letters: str, cast: Cast, browse: Browse
) -> None:
    User.objects.filter(pk=cast.alice.pk).update(time_zone=chosen)
    client = browse(cast.alice)
    if cookie:
        client.cookies["time_zone"] = cookie
    from_token_line = client.get(f"/workspaces/{cast.acme.pk}/").content.decode()
    assert re.search(rf"\d\d:\d\d {letters}<", from_token_line)


@pytest.mark.parametrize(("theme", "attribute"), [("dark", 'data-bs-theme="dark"'), ("light", 'data-bs-theme="light"')])
def test_theme_of_the_person_is_set_by_the_server(theme: str, attribute: str, cast: Cast, browse: Browse) -> None:
    User.objects.filter(pk=cast.alice.pk).update(theme=theme)
    assert attribute in browse(cast.alice).get("/").content.decode()
    assert "data-bs-theme" not in browse(cast.bob).get("/").content.decode()


def test_asset_s_address_carries_a_stamp_of_its_bytes() -> None:
    assert re.fullmatch(r"/static/exports/portal\.css\?v=[0-9a-f]{10}", portal.asset("exports/portal.css"))


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (None, ""),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_499, "999 kB"),
        (36_600_000, "36.6 MB"),
        (5e12, "5.0 TB"),
        (2e18, "2,000,000 TB"),
    ],
)
def test_size_is_shown_in_the_unit_people_use(count: int | None, words: str) -> None:
    assert portal.size(count).replace("2000000", "2,000,000") == words


def test_time_is_marked_for_machines_and_readers() -> None:
    html = Template("{% load portal %}{{ at|exact }}{{ at|utc }}").render(
        Context({"at": datetime(2026, 1, 1, tzinfo=UTC)})
    )
    assert html.count('datetime="2026-01-01T00:00:00.000+00:00"') == 2


@pytest.mark.parametrize(("language", "between"), [("en", " "), ("ja", "\N{ZERO WIDTH SPACE}")])
def test_sentences_stand_apart_as_their_language_has_it(language: str, between: str) -> None:
    with translation.override(language):
        assert portal.gap() == between


def test_empty_values_show_as_nothing() -> None:
    html = Template(
        "{% load portal %}{{ n|moment }}{{ n|exact }}{{ n|utc }}{{ n|ago }}{{ n|left }}{{ n|duration }}{{ n|count }}"
    ).render(Context({"n": None}))
    assert html == ""


def test_favicon_leads_to_the_picture(client: Client) -> None:
    assert client.get("/favicon.ico").headers["Location"] == "/static/exports/favicon.svg"


@pytest.mark.parametrize(
    ("referer", "here"),
    [
        ("http://testserver/exports/new/?types=page", "/exports/new/?types=page"),
        ("http://testserver/exports/new/", "/exports/new/"),
        ("https://evil.example/exports/new/", "/"),
        ("http://[::1", "/"),
        ("", "/"),
    ],
)
def test_language_changed_below_a_refused_form_leads_to_a_page(
    cast: Cast, browse: Browse, referer: str, here: str
) -> None:
    answer = browse(cast.bob).post("/exports/presets/", {}, headers={"Referer": referer})
    assert answer.status_code == 422
    ways = {one.attrs["value"] for one in read(answer) if one.attrs.get("name") == "next"}
    assert ways == {here}


def test_address_that_only_forms_are_sent_to_says_so(cast: Cast, browse: Browse) -> None:
    client = browse(cast.bob)
    answer = client.get("/exports/presets/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "only takes what a form sends" in text_of(answer)
    check_page(answer)
    assert "Not Allowed" not in text_of(answer)
    assert client.put("/exports/presets/").content == b""  # no browser does that


def test_address_of_a_form_leads_to_the_page_that_has_it(cast: Cast, browse: Browse) -> None:
    client = browse(cast.bob)

    def ways(address: str) -> set[str]:
        return {
            one.attrs["href"] for one in read(client.get(address)) if one.tag == "a" and "btn" in one.attrs["class"]
        }

    here = f"/workspaces/{cast.acme.pk}/"
    assert ways(f"{here}members/") == {here}
    assert ways("/account/tokens/") == {"/account/"}
    assert ways("/exports/presets/") == {"/"}
