"""WSGI entry point: ``gunicorn lacportal.wsgi``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lacportal.settings")

application = get_wsgi_application()
