"""Presets and saved views: whose they are, who may delete them, what they refuse."""

import pytest

from exports.models import AuditEntry, Preset, SavedView
from exports.services import presets, saved_views
from exports.services.presets import delete_preset, presets_with_rights, save_preset
from exports.services.refusals import Forbidden, Refused
from exports.services.retirement import archive_workspace
from exports.services.saved_views import delete_view, save_view, view_for
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db

LAST_MONTH = {"types": ["page"], "range": "last-month"}


def keep(cast: Cast, who: str, name: str, *, is_shared: bool = False) -> Preset:
    return save_preset(
        user=getattr(cast, who), workspace=cast.acme, name=name, question=LAST_MONTH, is_shared=is_shared
    )


def seen_by(cast: Cast, who: str) -> dict[str, bool]:
    return {preset.name: may_delete for preset, may_delete in presets_with_rights(getattr(cast, who))}


def test_own_preset_is_the_person_s_alone_and_a_shared_one_everybody_s_who_may_ask(cast: Cast) -> None:
    keep(cast, "bob", "Mine")
    keep(cast, "bob", "Ours", is_shared=True)
    keep(cast, "alice", "Alice’s")
    assert seen_by(cast, "bob") == {"Mine": True, "Ours": True}
    assert seen_by(cast, "alice") == {"Alice’s": True, "Ours": True}
    assert seen_by(cast, "vera") == seen_by(cast, "charlie") == {}


def test_shared_preset_of_another_is_a_manager_s_to_delete_and_no_member_s(cast: Cast) -> None:
    preset = keep(cast, "alice", "Ours", is_shared=True)
    assert seen_by(cast, "bob") == {"Ours": False}
    with pytest.raises(Forbidden, match="not_yours"):
        delete_preset(user=cast.bob, preset=preset)
    bobs = keep(cast, "bob", "Bob’s", is_shared=True)
    delete_preset(user=cast.alice, preset=bobs)
    assert seen_by(cast, "alice") == {"Ours": True}


@pytest.mark.parametrize("who", ["vera", "charlie"])
def test_viewer_and_stranger_keep_no_presets(cast: Cast, who: str) -> None:
    with pytest.raises(Forbidden):
        keep(cast, who, "Mine")


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "a\nb"])
def test_name_that_can_not_be_kept_is_refused_at_its_input(cast: Cast, name: str) -> None:
    with pytest.raises(Refused) as refused:
        keep(cast, "bob", name)
    assert refused.value.field == "preset_name"


def test_name_is_taken_once_whatever_its_case_but_apart_for_each_person_and_the_workspace(cast: Cast) -> None:
    keep(cast, "bob", "Monthly")
    keep(cast, "alice", "Monthly")
    keep(cast, "bob", "Monthly", is_shared=True)
    for who, is_shared in (("bob", False), ("alice", True)):
        with pytest.raises(Refused, match="name_taken"):
            keep(cast, who, "MONTHLY", is_shared=is_shared)
    assert AuditEntry.objects.filter(action="preset.saved").count() == 3


def test_presets_are_counted(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "MOST", 1)
    keep(cast, "bob", "One")
    with pytest.raises(Refused, match="too_many_presets"):
        keep(cast, "bob", "Two")
    keep(cast, "alice", "One")


def test_presets_of_an_archived_workspace_are_not_offered(cast: Cast) -> None:
    keep(cast, "bob", "Mine")
    archive_workspace(actor=cast.alice, workspace=cast.acme)
    assert seen_by(cast, "bob") == {}


def test_presets_take_two_queries_however_many(cast: Cast, django_assert_num_queries: object) -> None:
    for number in range(12):
        keep(cast, "bob", f"Preset {number}", is_shared=number % 2 == 0)
    with django_assert_num_queries(2):  # type: ignore[operator]
        assert len(presets_with_rights(cast.bob)) == 12


def test_view_is_its_person_s_alone(cast: Cast) -> None:
    view = save_view(user=cast.vera, name=" Failed ", query="status=failed")
    assert (view.name, view_for(cast.vera, view.pk), view_for(cast.ada, view.pk)) == ("Failed", view, None)
    with pytest.raises(Refused, match="name_taken"):
        save_view(user=cast.vera, name="FAILED", query="status=ready")
    save_view(user=cast.bob, name="Failed", query="status=failed")
    delete_view(user=cast.vera, view=view)
    assert list(SavedView.objects.values_list("user", flat=True)) == [cast.bob.pk]


@pytest.mark.parametrize(("name", "query"), [("", "status=failed"), ("x" * 81, ""), ("Long", "q=" + "x" * 1000)])
def test_view_that_can_not_be_kept_is_refused(cast: Cast, name: str, query: str) -> None:
    with pytest.raises(Refused):
        save_view(user=cast.vera, name=name, query=query)


def test_views_are_counted(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "MOST", 1)
    save_view(user=cast.vera, name="One", query="")
    with pytest.raises(Refused, match="too_many_views"):
        save_view(user=cast.vera, name="Two", query="")
