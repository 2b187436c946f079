"""Who calls: a personal token in the Authorization header, nothing else (design.md §6)."""

from typing import cast

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.errors import AuthorizationError
from ninja.security import HttpBearer

from exports.models import ApiToken, Scope
from exports.models.access import digest
from exports.services.api_tokens import authenticate
from exports.services.flood import refuse_flood


class PersonalToken(HttpBearer):
    """Lets a request in whose personal token has the scope."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        """Return the caller's token; None is answered 401.

        Raises:
            AuthorizationError: the token lacks the scope (403).
            TooMany: it asks too often (429); counted before the database is asked.
        """
        text = token.strip()
        refuse_flood(f"token:{digest(text)}")
        found = authenticate(text)
        if found is not None and self.scope not in found.scopes:
            raise AuthorizationError(
                message=_("This personal token may not do this: it lacks the scope “%(scope)s”.")
                % {"scope": self.scope.value}
            )
        return found


MAY_READ = PersonalToken(Scope.READ)
MAY_DOWNLOAD = PersonalToken(Scope.DOWNLOAD)
MAY_QUEUE = PersonalToken(Scope.QUEUE)
MAY_MANAGE = PersonalToken(Scope.MANAGE)


def caller(request: HttpRequest) -> ApiToken:
    """Return the token that the request came with; its person is ``.user``."""
    return cast(ApiToken, request.auth)  # type: ignore[attr-defined]  # set by the framework
