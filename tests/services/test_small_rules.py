"""Roles, audit entries and short texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.models import AuditEntry, Role
from exports.services.audit_log import record_audit
from exports.services.refusals import Forbidden, Refused
from exports.services.roles import require_role, require_site_administrator
from exports.services.texts import clean_line, clean_paragraph
from tests.support.cast import Cast

PEOPLE = {"charlie": 0, "vera": 1, "bob": 2, "alice": 3, "ada": 3}


@pytest.mark.django_db
@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("least", Role)
def test_role_is_enough_exactly_when_it_includes_the_one_needed(cast: Cast, who: str, least: Role) -> None:
    actor = getattr(cast, who)
    if PEOPLE[who] >= least.rank:
        assert require_role(actor, cast.acme, least).rank == PEOPLE[who]
    else:
        with pytest.raises(Forbidden, match="role_too_low"):
            require_role(actor, cast.acme, least)


@pytest.mark.django_db
def test_person_who_cant_sign_in_has_no_role(cast: Cast) -> None:
    for person in (cast.alice, cast.ada):
        person.is_active = False
        with pytest.raises(Forbidden):
            require_role(person, cast.acme, Role.VIEWER)
        with pytest.raises(Forbidden):
            require_site_administrator(person)


@pytest.mark.django_db
def test_audit_entry_outlives_its_person_and_says_when_it_rests_on_being_administrator(cast: Cast) -> None:
    cast.acme.memberships.create(user=cast.ada, role=Role.VIEWER)
    as_administrator = record_audit("x", actor=cast.ada, workspace=cast.acme, subject="s" * 300, address="127.0.0.1")
    as_manager = record_audit("x", actor=cast.alice, workspace=cast.acme, number=1)
    by_engine = record_audit("x", actor=None)
    assert as_administrator.as_site_administrator
    assert len(as_administrator.subject) == 200
    assert not as_manager.as_site_administrator
    assert as_manager.data == {"number": 1}
    assert (by_engine.actor_email, by_engine.as_site_administrator) == ("", False)
    cast.ada.memberships.update(role=Role.MANAGER)
    assert not record_audit("x", actor=cast.ada, workspace=cast.acme).as_site_administrator
    assert record_audit("x", actor=cast.ada).as_site_administrator
    cast.ada.delete()
    entry = AuditEntry.objects.get(pk=as_administrator.pk)
    assert (entry.actor, entry.actor_email) == (None, "ada@example.com")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("  ", "empty"),
        ("x" * 11, "too_long"),
        ("a\nb", "not_one_line"),
        ("a\x00b", "not_one_line"),
        ("a\x85b", "not_one_line"),
        ("\ud800", "not_one_line"),
        ("a\u2028b", "not_one_line"),
        ("a\u200bb", "not_one_line"),
        ("a\ufeffb", "not_one_line"),
    ],
)
def test_line_that_cant_be_kept_is_refused(text: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        clean_line(text, field="name", most=10, required=True)
    assert (refused.value.code, refused.value.field) == (code, "name")


def test_texts_that_look_alike_are_alike() -> None:
    assert clean_line("Cafe\u0301", field="name", most=10) == "Caf\u00e9"
    assert clean_paragraph("Cafe\u0301", field="note", most=10) == "Caf\u00e9"
    assert clean_line("👩\u200d💻", field="name", most=10) == "👩\u200d💻"  # a joiner that joins


def test_paragraph_keeps_its_line_breaks_and_nothing_else_unprintable() -> None:
    assert clean_paragraph(" a\r\nb\rc\td\u2028e ", field="note", most=20) == "a\nb\nc\td\ne"
    for text, code in (("x" * 21, "too_long"), ("a\x1bb", "not_one_line")):
        with pytest.raises(Refused, match=code):
            clean_paragraph(text, field="note", most=20)


@given(st.text())
def test_clean_line_can_be_stored_and_sent(text: str) -> None:
    try:
        line = clean_line(text, field="name", most=100)
    except Refused:
        return
    assert line.isprintable() or not any(ord(char) < 32 for char in line)
    assert line == line.strip()
    line.encode()
