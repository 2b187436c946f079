"""How passwords are hashed: the suite itself signs in with less work (tests/support/hashers.py)."""

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.utils.module_loading import import_string

from lacportal import settings as product


def test_product_hashes_passwords_with_argon2_at_the_framework_s_cost() -> None:
    assert [import_string(name) for name in product.PASSWORD_HASHERS] == [Argon2PasswordHasher]
