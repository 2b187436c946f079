"""Who belongs to a workspace."""

import pytest

from exports.models import AuditEntry, Membership, Role
from exports.services.members import add_member, change_role, find_person, members_of, remove_member
from exports.services.refusals import Forbidden, Refused, WrongState
from tests.support.cast import Cast, make_export, make_person

pytestmark = pytest.mark.django_db


def roles(cast: Cast) -> dict[str, str]:
    return {row.user.name: row.role for row in members_of(cast.acme)}


def test_members_are_listed_managers_first_in_one_query(cast: Cast, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert list(roles(cast).items()) == [("Alice", "manager"), ("Bob", "member"), ("Vera", "viewer")]


def test_manager_adds_changes_and_removes_a_member_each_on_record(cast: Cast) -> None:
    dora = make_person("Dora")
    add_member(actor=cast.alice, workspace=cast.acme, user=dora, role="viewer")
    change_role(actor=cast.alice, workspace=cast.acme, user=dora, role=Role.MEMBER)
    assert roles(cast)["Dora"] == "member"
    remove_member(actor=cast.alice, workspace=cast.acme, user=dora)
    assert "Dora" not in roles(cast)
    entries = AuditEntry.objects.filter(workspace=cast.acme, actor=cast.alice).order_by("id")
    assert list(entries.values_list("action", "subject")) == [
        ("member.added", "dora@example.com"),
        ("member.changed", "dora@example.com"),
        ("member.removed", "dora@example.com"),
    ]


@pytest.mark.parametrize("who", ["bob", "vera", "charlie"])
def test_only_managers_decide_about_others(cast: Cast, who: str) -> None:
    actor, dora = getattr(cast, who), make_person("Dora")
    with pytest.raises(Forbidden):
        add_member(actor=actor, workspace=cast.acme, user=dora, role=Role.VIEWER)
    with pytest.raises(Forbidden):
        change_role(actor=actor, workspace=cast.acme, user=cast.alice, role=Role.VIEWER)
    with pytest.raises(Forbidden):
        remove_member(actor=actor, workspace=cast.acme, user=cast.alice)
    assert roles(cast)["Alice"] == "manager"


def test_nobody_raises_themselves(cast: Cast) -> None:
    with pytest.raises(Forbidden):
        change_role(actor=cast.bob, workspace=cast.acme, user=cast.bob, role=Role.MANAGER)


def test_site_administrator_decides_as_a_manager_does(cast: Cast) -> None:
    change_role(actor=cast.ada, workspace=cast.acme, user=cast.bob, role=Role.MANAGER)
    assert AuditEntry.objects.get(action="member.changed").as_site_administrator


def test_everybody_may_leave_and_their_exports_stay(cast: Cast) -> None:
    export = make_export(cast.acme, cast.vera)
    remove_member(actor=cast.vera, workspace=cast.acme, user=cast.vera)
    export.refresh_from_db()
    assert export.requested_by == cast.vera
    assert "Vera" not in roles(cast)


@pytest.mark.parametrize("who", ["alice", "ada"])
def test_last_manager_stays(cast: Cast, who: str) -> None:
    actor = getattr(cast, who)
    with pytest.raises(WrongState, match="last_manager"):
        remove_member(actor=actor, workspace=cast.acme, user=cast.alice)
    with pytest.raises(WrongState, match="last_manager"):
        change_role(actor=actor, workspace=cast.acme, user=cast.alice, role=Role.MEMBER)


def test_manager_who_cant_sign_in_any_more_does_not_count(cast: Cast) -> None:
    gone = make_person("Gone", is_active=False)
    Membership.objects.create(workspace=cast.acme, user=gone, role=Role.MANAGER)
    with pytest.raises(WrongState, match="last_manager"):
        remove_member(actor=cast.alice, workspace=cast.acme, user=cast.alice)


def test_manager_may_leave_once_there_is_another(cast: Cast) -> None:
    change_role(actor=cast.alice, workspace=cast.acme, user=cast.bob, role=Role.MANAGER)
    remove_member(actor=cast.alice, workspace=cast.acme, user=cast.alice)
    assert roles(cast) == {"Bob": "manager", "Vera": "viewer"}


def test_operator_at_the_command_line_may_take_the_last_managers_role(cast: Cast) -> None:
    change_role(actor=None, workspace=cast.acme, user=cast.alice, role=Role.VIEWER)
    assert roles(cast)["Alice"] == "viewer"


def test_same_role_again_changes_nothing(cast: Cast) -> None:
    change_role(actor=cast.alice, workspace=cast.acme, user=cast.alice, role=Role.MANAGER)
    assert not AuditEntry.objects.filter(action="member.changed").exists()


def test_member_cant_be_added_twice_nor_a_stranger_changed(cast: Cast) -> None:
    with pytest.raises(Refused, match="already_member"):
        add_member(actor=cast.alice, workspace=cast.acme, user=cast.bob, role=Role.VIEWER)
    with pytest.raises(Refused, match="not_a_member"):
        change_role(actor=cast.alice, workspace=cast.acme, user=cast.charlie, role=Role.VIEWER)
    with pytest.raises(Refused, match="not_a_member"):
        remove_member(actor=cast.alice, workspace=cast.acme, user=cast.charlie)
    with pytest.raises(Refused, match="role_unknown"):
        change_role(actor=cast.alice, workspace=cast.acme, user=cast.bob, role="owner")


def test_person_is_found_in_any_case_unless_unknown_or_inactive(cast: Cast) -> None:
    assert find_person(" BOB@Example.com ") == cast.bob
    make_person("Gone", is_active=False)
    for email in ("nobody@example.com", "gone@example.com", ""):
        with pytest.raises(Refused, match="person_unknown"):
            find_person(email)
