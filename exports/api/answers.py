"""What every operation may answer, and limits that are met rather than refused."""

from typing import Annotated, Any

from pydantic import WithJsonSchema

from exports.api.schemas import Problem
from exports.services.paging import LIMIT_MOST

Limit = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 1})]
ALWAYS = (401, 403)


def answers(good: dict[int, Any], *problems: int) -> dict[int, Any]:
    """Return the table of an operation's answers: the good ones, its own problems, and those of all."""
    return good | dict.fromkeys((*ALWAYS, *problems), Problem)


def at_most(limit: int) -> int:
    """Return a limit that a page can have; who asks for more gets the most, and a cursor."""
    return min(limit, LIMIT_MOST)
