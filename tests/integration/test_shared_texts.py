"""Texts of queries that replicas share, on a real Redis: found by all, bounded in time, and no harm when it is away."""

from cache.shared_texts import KEEP_S, RedisTexts
from tests.support.redis import RedisServer


async def test_what_one_replica_was_sent_all_know(fresh_redis: str) -> None:
    """Texts live on while they are asked for."""
    one, other = RedisTexts(fresh_redis), RedisTexts(fresh_redis)
    try:
        assert await other.get("d") is None
        await one.put("d", "{ größe }")
        assert await other.get("d") == "{ größe }"
        assert 0 < await one._redis.ttl("hub:text:d") <= KEEP_S
    finally:
        await one.aclose()
        await other.aclose()


async def test_without_redis_nothing_is_known_and_nothing_breaks(private_redis: RedisServer) -> None:
    """Clients send their texts then, as to a replica that has just started."""
    texts = RedisTexts(private_redis.url)
    try:
        await texts.put("d", "{ a }")
        private_redis.stop()
        assert await texts.get("d") is None
        await texts.put("e", "{ b }")
        assert await texts.get("e") is None
    finally:
        await texts.aclose()
