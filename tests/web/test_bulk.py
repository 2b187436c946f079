"""Several exports of the list at once: cancelled, run again, taken as one ZIP."""

import io
import zipfile

import pytest
from django.test import Client

from exports.models import AuditEntry, Export, Status
from exports.services import bulk
from tests.support.cast import Cast, content_of, make_export, make_ready_export
from tests.web.conftest import Browse
from tests.web.markup import check_page, read, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]

BULK = "/exports/bulk/"


@pytest.fixture
def bob(cast: Cast, browse: Browse) -> Client:
    return browse(cast.bob)


def keys(*exports: Export) -> list[str]:
    return [str(export.pk) for export in exports]


def test_each_row_can_be_chosen_by_a_box_of_the_bulk_form(cast: Cast, bob: Client) -> None:
    export = make_export(cast.acme, cast.bob, name="October")
    answer = bob.get("/")
    (box,) = [one for one in read(answer) if one.attrs.get("name") == "pick"]
    assert (box.attrs["value"], box.attrs["form"]) == (str(export.pk), "bulk")
    assert "October" in box.attrs["aria-label"]
    assert next(one for one in read(answer) if one.attrs.get("id") == "bulk").attrs["action"] == BULK
    check_page(answer)


def test_chosen_ones_are_cancelled_and_what_is_not_says_why(cast: Cast, bob: Client) -> None:
    mine = [make_export(cast.acme, cast.bob) for _number in range(2)]
    others, ended = make_export(cast.acme, cast.alice), make_export(cast.acme, cast.bob, Status.FAILED)
    foreign = make_export(cast.globex, cast.charlie)
    picked = keys(*mine, others, ended, foreign)
    answer = bob.post(BULK, {"deed": "cancel", "pick": picked, "next": "/?status=active"}, follow=True)
    assert answer.redirect_chain == [("/?status=active", 302)]
    said = text_of(answer)
    assert "2 exports cancelled." in said
    assert "Not done for Pages: Only those who asked for this export, or a manager, can cancel it." in said
    assert "1 had ended already." in said
    assert "Not done for Pages: This export" not in said
    assert Export.objects.filter(status=Status.CANCELLED).count() == 2
    assert AuditEntry.objects.filter(action="export.cancelled").count() == 2


def test_who_cancels_only_what_has_ended_reads_so(cast: Cast, bob: Client) -> None:
    ended = [make_export(cast.acme, cast.bob, Status.FAILED) for _number in range(2)]
    answer = bob.post(BULK, {"deed": "cancel", "pick": keys(*ended)}, follow=True)
    assert [one.text.strip() for one in read(answer) if "notice" in one.attrs.get("class", "")][0] == (
        "2 had ended already."
    )


def test_chosen_ones_are_run_again(cast: Cast, bob: Client) -> None:
    failed, running = make_export(cast.acme, cast.bob, Status.FAILED), make_export(cast.acme, cast.alice)
    answer = bob.post(BULK, {"deed": "run-again", "pick": keys(failed, running)}, follow=True)
    assert "1 export queued. 1 running one joined." in text_of(answer)
    assert Export.objects.filter(run_again_of=failed).count() == 1


def test_button_of_an_ended_row_runs_that_one_again_whatever_is_chosen(cast: Cast, bob: Client) -> None:
    failed, other = (make_export(cast.acme, cast.bob, Status.FAILED) for _number in range(2))
    (button,) = [
        one for one in read(bob.get("/")) if str(failed.pk) in one.attrs.get("value", "") and one.tag == "button"
    ]
    assert (button.attrs["form"], button.attrs["name"]) == ("bulk", "deed")
    answer = bob.post(BULK, {"deed": button.attrs["value"], "pick": keys(other)}, follow=True)
    assert "1 export queued." in text_of(answer)
    assert Export.objects.get(run_again_of__isnull=False).run_again_of == failed


def test_chosen_files_come_as_one_zip(cast: Cast, browse: Browse) -> None:
    files = [make_ready_export(cast.acme, cast.bob) for _number in range(2)]
    answer = browse(cast.vera).post(BULK, {"deed": "download", "pick": keys(*files)})
    assert answer["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(content_of(answer))) as archive:
        assert len(archive.namelist()) == 3


def test_viewer_cancels_and_runs_nothing(cast: Cast, browse: Browse) -> None:
    running, failed = make_export(cast.acme, cast.bob), make_export(cast.acme, cast.bob, Status.FAILED)
    for deed, export in (("cancel", running), ("run-again", failed)):
        answer = browse(cast.vera).post(BULK, {"deed": deed, "pick": keys(export)}, follow=True)
        assert "needs the role “Member”" in text_of(answer)
    assert set(Export.objects.values_list("status", flat=True)) == {Status.QUEUED, Status.FAILED}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"deed": "cancel"}, "Choose at least one export first."),
        ({"deed": "download", "pick": ["odd"]}, "This is not an id."),
        ({"deed": "download", "pick": ["00000000-0000-4000-8000-000000000000"]}, "These exports don’t exist any more."),
    ],
)
def test_choice_that_can_not_be_is_refused_in_a_sentence(data: dict[str, object], sentence: str, bob: Client) -> None:
    assert sentence in text_of(bob.post(BULK, data, follow=True))


def test_more_than_a_hundred_are_refused(bob: Client) -> None:
    many = [f"00000000-0000-4000-8000-{number:012}" for number in range(bulk.MOST + 1)]
    assert "At most 100 exports at a time" in text_of(bob.post(BULK, {"deed": "cancel", "pick": many}, follow=True))


def test_file_that_is_not_ready_leads_back_with_a_sentence(cast: Cast, bob: Client) -> None:
    running = make_export(cast.acme, cast.bob)
    answer = bob.post(BULK, {"deed": "download", "pick": keys(running)}, follow=True)
    assert "None of these exports has a file to download. The file is not ready yet." in text_of(answer)


def test_unknown_deed_does_nothing(cast: Cast, bob: Client) -> None:
    export = make_export(cast.acme, cast.bob)
    assert bob.post(BULK, {"deed": "explode", "pick": keys(export)}).status_code == 302
    export.refresh_from_db()
    assert export.status == Status.QUEUED
