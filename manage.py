#!/usr/bin/env python
"""Django's command line for LAC Portal."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lacportal.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as refused:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"{sys.argv[0]}: {refused}")


if __name__ == "__main__":
    main()
