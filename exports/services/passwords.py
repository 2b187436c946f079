"""Passwords that would soon be guessed are refused, without asking anybody outside."""

import re
from typing import Any

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from zxcvbn import zxcvbn  # type: ignore[import-untyped]

from exports.models import User

# Guesses, as attackers make them: known passwords first, then words, names, dates, keyboards, and their disguises.
LEAST_GUESSES = 10**8
LOOKED_AT = 64  # characters; what is longer is judged by its beginning, for the work grows with the square
OURS = ("lacportal", "portal", "liferay", "analytics", "analyticscloud", "export")


class GuessingValidator(CommonPasswordValidator):
    """Refuses what is soon guessed: leaked passwords, and those made from them, from words or from the person."""

    def validate(self, password: str, user: Any = None) -> None:
        """Judge a password.

        Raises:
            ValidationError: ``password_guessable``.
        """
        is_known = password.lower().strip() in self.passwords
        if is_known or zxcvbn(password[:LOOKED_AT], user_inputs=_known_of(user))["guesses"] < LEAST_GUESSES:
            raise ValidationError(
                _(
                    "This password would soon be guessed: it is among known ones, or made from them, from words, names "
                    "or dates. Three or four unrelated words are good."
                ),
                code="password_guessable",
            )

    def get_help_text(self) -> str:
        """Return what people read beside the field."""
        return _("Not one that others use, nor a disguise of one: three or four unrelated words are good.")


def _known_of(user: Any) -> list[str]:
    if not isinstance(user, User):
        return list(OURS)
    return [*OURS, *(part for part in re.split(r"[\W_]+", f"{user.email} {user.name}".lower()) if len(part) > 2)]
