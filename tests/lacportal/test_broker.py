"""The mended transport: in use for every form of address, and clear about a connection that is gone."""

from uuid import uuid4

import pytest
import redis
from kombu import Connection
from redis.exceptions import RedisError

from lacportal.broker import Channel, Transport


@pytest.mark.parametrize("url", ["redis://localhost:6379/0", "rediss://localhost:6379/0", "redis+socket:///run/x.sock"])
def test_any_form_of_address_is_spoken_to_by_the_mended_transport(url: str) -> None:
    assert Connection(url).get_transport_cls() is Transport


def test_acknowledged_after_the_connection_was_lost_is_a_lost_connection(redis_url: str) -> None:
    with Connection(redis_url.replace("unix://", "redis+socket://", 1)) as connection:
        channel = connection.channel()
        assert isinstance(channel, Channel)
        lost = connection.connection_errors
        connection.transport.client = None
        channel._pool = None
        with pytest.raises((ConnectionError, RedisError)) as raised:
            channel.basic_ack("a message of that time")
        assert isinstance(raised.value, lost)


STRANGERS = (
    b"hello",
    b"\xff\xfe",
    b"",
    b"{}",
    b"[]",
    b"null",
    b'{"body": "!", "properties": {}}',
    b'{"body": "!", "properties": {"body_encoding": "base64", "delivery_tag": "1", "delivery_info": {}}}',
)


def test_what_is_no_message_is_passed_over(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each of these ended a worker."""
    heard: list[object] = []
    with Connection(redis_url.replace("unix://", "redis+socket://", 1)) as connection:
        queue = connection.SimpleQueue(f"strangers-{uuid4()}")
        with redis.Redis.from_url(redis_url) as client:
            for text in STRANGERS:
                client.lpush(queue.queue.name, text)
        queue.put("a ring")
        queue.consumer.register_callback(lambda body, message: (heard.append(body), message.ack()))
        queue.consumer.consume()
        for _ in range(len(STRANGERS) + 1):
            connection.drain_events(timeout=10)
            if heard:
                break
        queue.close()
    assert heard == ["a ring"]
    assert caplog.messages.count("broker.no_message") == len(STRANGERS)
