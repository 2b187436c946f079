"""Former members on pages."""

import pytest

from exports.models import Membership, Status
from tests.support.cast import Cast, make_export, make_ready_export
from tests.web.conftest import Browse
from tests.web.markup import check_page, read, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]


def test_former_member_is_said_and_a_manager_takes_over(cast: Cast, browse: Browse) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    waiting = make_export(cast.acme, cast.bob, Status.QUEUED, hold="approval")
    Membership.objects.filter(user=cast.bob).delete()
    alice = browse(cast.alice)
    for address in ("/", f"/exports/{export.pk}/", "/approvals/"):
        page = alice.get(address)
        assert "Bob (former member)" in text_of(page)
        check_page(page)
    address = f"/exports/{export.pk}/take-over/"
    assert address in [one.attrs.get("action") for one in read(alice.get(f"/exports/{export.pk}/"))]
    answer = alice.post(address, follow=True)
    assert "The export is yours now." in text_of(answer)
    assert "Taken over from Bob, who has left the workspace" in text_of(answer)
    assert "former member" not in text_of(answer)
    assert address not in answer.content.decode()
    check_page(answer)
    alice.post(f"/exports/{waiting.pk}/take-over/")
    waiting.refresh_from_db()
    assert (waiting.requested_by, waiting.hold) == (cast.alice, "approval")


def test_members_see_no_button(cast: Cast, browse: Browse) -> None:
    export = make_export(cast.acme, cast.bob)
    Membership.objects.filter(user=cast.bob).delete()
    page = browse(cast.vera).get(f"/exports/{export.pk}/")
    assert "take-over" not in page.content.decode()
    assert browse(cast.vera).post(f"/exports/{export.pk}/take-over/").status_code == 403
