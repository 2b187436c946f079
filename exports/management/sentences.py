"""How commands say no: one sentence on standard error, exit 1."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import OperationalError, ProgrammingError

from exports.models import User, Workspace
from exports.services.members import find_person
from exports.services.refusals import Refusal
from exports.services.workspaces import find_workspace


@contextmanager
def refusals_as_sentences() -> Iterator[None]:
    """Turn a service's refusal, and a database that is not set up, into a sentence.

    Raises:
        CommandError: with that sentence.
    """
    try:
        yield
    except Refusal as refusal:
        raise CommandError(str(refusal.message)) from None
    except (OperationalError, ProgrammingError) as error:
        raise CommandError(
            f"The database can’t be used ({type(error).__name__}). "
            "Check DATABASE_URL, and run: python manage.py migrate"
        ) from None


def person(email: str) -> User:
    """Return the person with this e-mail address.

    Raises:
        CommandError: nobody has it.
    """
    with refusals_as_sentences():
        return find_person(email)


def workspace(text: str) -> Workspace:
    """Return the workspace of this name or id.

    Raises:
        CommandError: there is none.
    """
    with refusals_as_sentences():
        found = find_workspace(text)
    if found is None:
        raise CommandError("There is no workspace of this name or id.")
    return found
