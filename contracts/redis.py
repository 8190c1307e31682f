"""How a Redis that is away shows itself."""

from typing import Final

from redis.exceptions import RedisError

#: What a command raises whose Redis cannot be reached, or has just gone. uvloop raises
#: RuntimeError for a transport that was closed a moment ago, and redis-py lets that pass.
REDIS_AWAY: Final = (RedisError, OSError, TimeoutError, RuntimeError)
