"""Sign-in through django-allauth, with the door for strangers closed."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedAccountAdapter(DefaultAccountAdapter):
    """People are added by managers and administrators; nobody signs up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False always."""
        return False
