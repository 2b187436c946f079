"""The product's way to hash a password, at a cost for tests that sign in hundreds of times."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    """Argon2 with the least work it takes; hashes are read and told apart as the product's own are."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
