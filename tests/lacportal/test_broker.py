"""The mended transport: in use for every form of address, and clear about a connection that is gone."""

import pytest
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
