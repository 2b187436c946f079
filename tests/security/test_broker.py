"""What lies in the broker can start nothing but our own tasks, with keys of rows as arguments."""

import pickle
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection, Producer, Queue
from kombu.exceptions import ContentDisallowed

from lacportal.celery import app


class Opens:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (Path.touch, (self.path,))


def test_only_json_is_accepted() -> None:
    assert list(app.conf.accept_content) == ["json"]
    assert app.conf.task_serializer == "json"
    assert app.conf.worker_enable_remote_control is False


def test_pickled_message_is_refused_unread(redis_url: str, tmp_path: Path) -> None:
    proof = tmp_path / "unpickled"
    with Connection(redis_url.replace("unix://", "redis+socket://", 1)) as connection:
        queue = Queue("poll", channel=connection)
        queue.declare()
        body = pickle.dumps(Opens(proof))
        Producer(connection).publish(
            body, routing_key="poll", content_type="application/x-python-serialize", content_encoding="binary"
        )
        message = queue.bind(connection.channel()).get(accept=app.conf.accept_content)
        assert message is not None
        with pytest.raises(ContentDisallowed):
            message.decode()
        message.reject()
    assert not proof.exists()
