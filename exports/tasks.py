"""The Celery interface: each task loads nothing but a key, calls one service, and is safe twice."""

import faulthandler
import logging
import math
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import Any

import billiard
from celery import Task, shared_task
from celery.signals import worker_init, worker_process_init, worker_ready, worker_shutting_down
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from exports.checks import say_unreadable_tokens
from exports.services import (
    advance,
    clock,
    doorbell,
    expire,
    forks,
    formats,
    health,
    mails,
    pauses,
    reminders,
    shutdown,
    tick,
)

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 20.0
CHORES = (
    clock.mend_times,
    health.forget_silent,
    pauses.resume_allowed_addresses,
    reminders.remind_of_tokens,
    expire.reap_files,
)
STOP_SECONDS = 0.2  # how soon a stop is noticed
STOP_SECONDS_MOST = 20.0  # less than the half minute after which an init system loses its patience


@shared_task(name=doorbell.ADVANCE, bind=True)
def advance_export(self: Task, export_id: str) -> None:
    """Do the next step of one export, then of whatever else is due on the same queue."""
    began = time.monotonic()
    advance.advance_export(export_id)
    if time.monotonic() - began > DRAIN_SECONDS:
        return  # what it began after hours would meet this task's own limit
    queue = (self.request.delivery_info or {}).get("routing_key") or "poll"
    advance.drain(queue, seconds=DRAIN_SECONDS)


@shared_task(name="exports.tick")
def tick_exports() -> None:
    """Mark and ring for what is due; then do some of it, in case every ring is lost."""
    tick.tick()
    advance.drain("poll", seconds=settings.EXPORT_TICK_SECONDS)


@shared_task(name="exports.reap")
def reap() -> None:
    """Once a minute: mend what a clock set back has left, forget silent workers, let lanes run whose address is allowed
    again, write down what managers are to be told, and delete files that no row names.

    Whatever becomes of one of them, the others are done; then the first fault is raised.
    """
    faults = []
    for chore in CHORES:
        try:
            chore()
        except Exception as fault:  # noqa: BLE001 - raised below
            logger.exception("chore.failed %s", chore.__name__)
            faults.append(fault)
    if faults:
        raise faults[0]


@shared_task(name="exports.send_mails")
def send_mails() -> None:
    """Send the mails that are due: a task of its own, so that a slow mail server holds nothing else up."""
    mails.send_due()
    mails.forget_old()


@shared_task(name=doorbell.MAKE_FORMAT)
def make_format(derived_id: str) -> None:
    """Make one format of one stored file."""
    formats.make_format(int(derived_id))


@worker_init.connect
def _start_fresh(**_kwargs: Any) -> None:
    shutdown.clear_stop()


@worker_init.connect
def _watch_for_the_end(**_kwargs: Any) -> None:
    threading.Thread(target=_insist_on_the_end, name="end", daemon=True).start()


@worker_shutting_down.connect
def _hand_work_back(**_kwargs: Any) -> None:
    shutdown.request_stop()


def _insist_on_the_end() -> None:
    """End a worker that was asked to stop and can't: Celery waits for its children without end.

    What a child still holds comes back when its lease ends, as after any kill.
    """
    _rest(math.inf)
    time.sleep(STOP_SECONDS_MOST)
    children = [child.pid for child in billiard.active_children() if child.pid is not None]
    logger.warning("worker.stop_insisted children=%s", children)
    faulthandler.dump_traceback(sys.__stderr__)  # type: ignore[arg-type]  # what it waited for
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(0)


@worker_process_init.connect
def _let_go_of_inherited_connections(**_kwargs: Any) -> None:
    connection.close()
    doorbell.start_fresh()


def _rest(seconds: float) -> None:
    """Wait, but not a moment longer than the worker lives on."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not shutdown.is_stopping():
        time.sleep(STOP_SECONDS)


@worker_ready.connect
def _say_what_cannot_work(**_kwargs: Any) -> None:
    say_unreadable_tokens()


@worker_ready.connect
def _start_heartbeat(sender: Any, **_kwargs: Any) -> None:
    queues = ",".join(sorted(queue.name for queue in sender.task_consumer.queues))
    name = f"{socket.gethostname()}:{os.getpid()}:{sender.hostname}"[:120]
    threading.Thread(target=_heartbeat, args=(name, queues), name="heartbeat", daemon=True).start()


def _heartbeat(name: str, queues: str) -> None:
    """Leave signs of life until the worker is asked to stop; the database may be away in between."""
    while not shutdown.is_stopping():
        try:
            with forks.without_forks():
                health.beat(name, queues=queues, at=timezone.now())
        except DatabaseError as error:
            logger.warning("worker.beat_failed %s", type(error).__name__)  # the next beat tells that we live
        _rest(health.BEAT_SECONDS)
    try:
        with forks.without_forks():
            health.leave(name)
    except DatabaseError:
        return  # the silence tells the same, half a minute later
