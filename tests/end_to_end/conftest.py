"""The portal as people meet it: a real browser before real processes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import pytest
from django.test import Client
from playwright.sync_api import Browser

from exports.models import User
from tests.end_to_end.visitor import Visitor
from tests.support.stack import Stack, new_token
from tests.web.conftest import BACKEND

PASSWORD = "correct horse battery staple"
_numbers = count(1)

OpenVisitor = Callable[..., Visitor]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All here that opens a browser is marked so; those that share processes run one after another."""
    for item in items:
        if "/tests/end_to_end/" in str(item.path) and "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
            for shared in {"stack", "named_stack"} & set(item.fixturenames):  # type: ignore[attr-defined]
                item.add_marker(pytest.mark.xdist_group(f"flows in {shared}"))


@dataclass(frozen=True)
class Office:
    """A workspace of its own in the shared stack: its id and name here, its name and token at Analytics Cloud."""

    stack: Stack
    workspace: str
    name: str
    upstream: str
    token: str

    def hire(self, role: str = "member", *, name: str = "Hanako Yamada") -> str:
        """Make a person with a role in the workspace; return the e-mail address, which signs in with `PASSWORD`."""
        email = f"person{next(_numbers)}@example.com"
        self.stack.warm(f"person {json.dumps([email, PASSWORD, name, {self.workspace: role}])}")
        return email


@pytest.fixture(scope="session")
def stack(browser: Browser) -> Iterator[Stack]:
    """Web, worker, clock, Redis and a simulated Analytics Cloud, shared by all flows of this process."""
    with Stack() as stack:
        yield stack


@pytest.fixture
def office(stack: Stack) -> Office:
    """A workspace that nobody else works in."""
    stack.heal()
    number = next(_numbers)
    name, upstream, token = f"Office {number}", f"office-{number}", new_token()
    stack.simulator.replace_token(upstream, token)
    key = stack.api.make_workspace(name=name, origin=stack.simulator.base_url, token=token)
    return Office(stack, key, name, upstream, token)


@pytest.fixture
def visit(browser: Browser) -> Iterator[OpenVisitor]:
    """Opens browser profiles; at the end nothing may have gone wrong in any."""
    visitors: list[Visitor] = []

    def opened(address: str, **more: object) -> Visitor:
        visitors.append(Visitor(browser, address, **more))  # type: ignore[arg-type]
        return visitors[-1]

    yield opened
    for visitor in visitors:
        visitor.close()
    assert [fault for visitor in visitors for fault in visitor.faults] == []


def bring_session(visitor: Visitor, person: User) -> None:
    """Sign a person in without the form, at a server that shares this process's database."""
    client = Client()
    client.force_login(person, backend=BACKEND)
    (session,) = client.cookies.values()
    visitor.context.add_cookies([{"name": session.key, "value": session.value, "url": visitor.address}])
