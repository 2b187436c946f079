"""Access tokens at rest and in memory: sealed in the database, `***` everywhere else (promise 5)."""

import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class TokenUnreadable(Exception):
    """No key in ``TOKEN_ENCRYPTION_KEYS`` opens a stored token. It is left as it is."""


class AccessToken:
    """A workspace's token in memory; its text is had only by asking for it with ``reveal``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def reveal(self) -> str:
        """Return the clear text; the only caller is the door to Analytics Cloud."""
        return self._text


def _box() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.TOKEN_ENCRYPTION_KEYS])


def seal(text: str) -> str:
    """Return the encrypted form (Fernet, first key of ``TOKEN_ENCRYPTION_KEYS``)."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> AccessToken:
    """Return the token behind a sealed text.

    Raises:
        TokenUnreadable: none of the keys opens it.
    """
    try:
        return AccessToken(_box().decrypt(sealed.encode()).decode())
    except InvalidToken:
        raise TokenUnreadable("None of TOKEN_ENCRYPTION_KEYS opens this token.") from None


def reseal(sealed: str) -> str:
    """Return the same token encrypted with the first key.

    Raises:
        TokenUnreadable: none of the keys opens it.
    """
    try:
        return _box().rotate(sealed.encode()).decode()
    except InvalidToken:
        raise TokenUnreadable("None of TOKEN_ENCRYPTION_KEYS opens this token.") from None


def is_sealed_with_first_key(sealed: str) -> bool:
    """Tell whether the newest key opens it, that is, whether rotation is done for it."""
    try:
        Fernet(settings.TOKEN_ENCRYPTION_KEYS[0]).decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def fingerprint(text: str) -> str:
    """Return a keyed digest (64 hex digits): equal tokens are found without storing or decrypting them."""
    return hmac.new(settings.SECRET_KEY.encode(), b"workspace-token:" + text.encode(), hashlib.sha256).hexdigest()
