"""The Celery application: a doorbell and a clock, never the queue itself (design.md §3)."""

import os

from celery import Celery

from lacportal import broker

broker.mend()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lacportal.settings")

app = Celery("lacportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["exports"])
