"""A real Redis for one machine: what the demo and the tests use where none is given. Production never imports it."""

from lacportal.embedded.redis_server import EmbeddedRedis, RedisUnavailable, embedded_redis, find_binary

__all__ = ["EmbeddedRedis", "RedisUnavailable", "embedded_redis", "find_binary"]
