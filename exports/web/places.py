"""A person's workspaces as pages need all of them: filter, banners, roles, palette."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache, cached_property, lru_cache
from typing import Any, NamedTuple, overload

from django.db.models import QuerySet
from django.utils.safestring import SafeString

from exports.models import Membership, Role, User, Workspace
from exports.services.compiled import CompiledQuery, any_person
from exports.services.json_rows import json_text, moment_of, rows_of
from exports.services.key_texts import key_text, with_hyphens
from exports.web.options import options

KEPT = 32  # people; of one in a thousand workspaces some 1 MB
_ROLES = {role.value: role for role in Role}


class Place(NamedTuple):
    """A workspace as the filter and the banners need it."""

    id: str
    name: str
    pause_code: str
    paused_at: datetime | None
    role: Role
    token_expires_at: datetime | None

    @property
    def may_ask(self) -> bool:
        """True when the person may queue exports here."""
        return self.role.may_ask

    @property
    def may_manage(self) -> bool:
        """True when the person is a manager here."""
        return self.role is Role.MANAGER


class Places(Sequence[Place]):
    """Workspaces by name. Shared by requests: nothing of it may be changed."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = tuple(sorted(places, key=lambda place: place.name.lower()))

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Place: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Place, ...]: ...
    def __getitem__(self, at: int | slice) -> Place | tuple[Place, ...]:
        return self._places[at]

    @cached_property
    def roles(self) -> dict[str, Role]:
        """The person's role in each, by id."""
        return {place.id: place.role for place in self._places}

    @cached_property
    def may_ask(self) -> bool:
        """True when the person may queue exports in one of them."""
        return any(place.may_ask for place in self._places)

    @cached_property
    def paused(self) -> tuple[Place, ...]:
        """Those where nothing is asked at present."""
        return tuple(place for place in self._places if place.paused_at is not None)

    @cached_property
    def _ending(self) -> list[tuple[datetime, Place]]:
        return [
            (place.token_expires_at, place)
            for place in self._places
            if place.may_manage and place.paused_at is None and place.token_expires_at is not None
        ]

    def with_tokens_ending_before(self, moment: datetime) -> list[Place]:
        """Return those that go on, whose token's noted end comes earlier and who the person manages."""
        return [place for ends_at, place in self._ending if ends_at < moment]

    @cached_property
    def _options(self) -> SafeString:
        return options(((place.id, place.name) for place in self._places), "")

    def options(self, chosen: str) -> SafeString:
        """Return the options of a choice among them; ``chosen`` is an id, or none of theirs."""
        if chosen not in self.roles:
            return self._options
        value = f'value="{chosen}"'
        return SafeString(self._options.replace(value, f"{value} selected", 1))  # nosec B703  # escaped already


def places_of(user: User) -> Places:
    """Return the workspaces a person sees, with the person's role (one query).

    A thousand are read at each look that an open page takes, and hardly ever is one of them another than before: what
    a database says of them is compared as a whole, and made into objects only when it changed.
    """
    [(text,)] = _asked(sees_all=user.is_superuser).ask(person=user.pk)
    return _read(text, Role.MANAGER if user.is_superuser else None)


@cache
def _asked(*, sees_all: bool) -> CompiledQuery[tuple[str]]:
    return CompiledQuery(lambda: _texts(any_person(sees_all=sees_all)))


def _texts(person: User) -> QuerySet[Any, tuple[str]]:
    columns = ("name", "pause_code", "paused_at", "token_expires_at")
    if person.is_superuser:
        rows = Workspace.objects.visible_to(person).filter(archived_at__isnull=True)
        return json_text(rows, key_text("pk"), *columns)
    seats = Membership.objects.filter(user=person, workspace__archived_at__isnull=True)
    return json_text(seats, key_text("workspace"), *(f"workspace__{name}" for name in columns), "role")


@lru_cache(KEPT)
def _read(text: str, everywhere: Role | None) -> Places:
    return Places([_place(row, everywhere) for row in rows_of(text)])


def _place(row: Sequence[Any], everywhere: Role | None) -> Place:
    key, name, code, at, expires_at, *role = row
    return Place(with_hyphens(key), name, code, moment_of(at), everywhere or _ROLES[role[0]], moment_of(expires_at))
