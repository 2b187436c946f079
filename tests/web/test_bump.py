"""Moving an export to the front, on pages."""

import pytest

from exports.models import Export
from tests.support.cast import Cast, make_export
from tests.web.conftest import Browse
from tests.web.markup import check_page, read, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]


def test_manager_moves_an_export_to_the_front_and_everybody_reads_why(cast: Cast, browse: Browse) -> None:
    first, export = make_export(cast.acme, cast.bob), make_export(cast.acme, cast.bob)
    alice, address = browse(cast.alice), f"/exports/{export.pk}/bump/"
    page = alice.get(f"/exports/{export.pk}/")
    assert address in [one.attrs.get("action") for one in read(page)]
    check_page(page)
    answer = alice.post(address, {"reason": "For the <board> at noon."}, follow=True)
    assert "Moved to the front: it is asked next." in text_of(answer)
    assert address not in answer.content.decode()
    check_page(answer)
    page = browse(cast.vera).get(f"/exports/{export.pk}/")
    assert "Moved to the front of the queue: For the <board> at noon." in text_of(page)
    assert "No. 1 in the queue of this workspace moved to the front by a manager" in text_of(page)
    desk = browse(cast.bob).get("/")
    assert "No. 1 in the queue · moved to the front" in text_of(desk)
    check_page(desk)
    assert "moved to the front by a manager" not in text_of(alice.get(f"/exports/{first.pk}/"))


def test_empty_reason_changes_nothing_and_is_said(cast: Cast, browse: Browse) -> None:
    export = make_export(cast.acme, cast.bob)
    answer = browse(cast.alice).post(f"/exports/{export.pk}/bump/", {"reason": " "}, follow=True)
    assert "This can’t be empty." in text_of(answer)
    assert Export.objects.get().bumped_at is None


def test_others_see_no_button(cast: Cast, browse: Browse) -> None:
    export = make_export(cast.acme, cast.bob)
    for person in (cast.bob, cast.vera):
        assert "/bump/" not in browse(person).get(f"/exports/{export.pk}/").content.decode()
        assert browse(person).post(f"/exports/{export.pk}/bump/", {"reason": "me"}).status_code == 403
