"""Passwords that would soon be guessed are refused, whatever their disguise."""

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from exports.models import User

DANA = User(email="dana.koenig@example.com", name="Dana König")


@pytest.mark.parametrize(
    "password",
    [
        "password123",
        "Passw0rd!!",
        "P@ssword2026",
        "qwertyuiop123",
        "1q2w3e4r5t6y",
        "iloveyou2024",
        "aaaaaaaaaaaaaaaa",
        "koenigdana1",
        "lacportal2026",
        "20.11.1987!",
        "x" + "🐙🦀" * 8,
    ],
)
def test_password_soon_guessed_is_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password, DANA)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "another horse battery",
        "vT7#kq2Lw9",
        "ねこはこたつでまるくなる",
    ],
)
def test_password_hard_to_guess_is_taken(password: str) -> None:
    validate_password(password, DANA)


@pytest.mark.timeout(20)
def test_endless_password_costs_no_endless_work() -> None:
    validate_password("correct horse battery staple " * 2000, DANA)
