"""URLs of servers with a user and a password in them, as people write them."""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

#: The schemes of Valkey's own clients; redis-py does not know them.
_ALSO_CALLED: Final = {"valkey": "redis", "valkeys": "rediss"}
#: What may stand in a user or a password as it is; "%" begins what is escaped already.
_SAFE: Final = "%:!$&'()*+,;=~"
_LONE_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PORT: Final = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*)(?::(\d*))?")
_PASSWORD_IN_QUERY: Final = re.compile(r"([?&]password=)[^&]*", re.IGNORECASE)


def url_of(*schemes: str) -> Callable[[str], str]:
    """Return what makes a well-formed URL of one that people write, for one of *schemes*.

    Generated passwords have characters that mean something in a URL ("/", "#", "?"); they are
    escaped. The function raises ValueError, whose text has nothing of the URL: it may be secret.
    """
    wanted = f"expected {schemes[0]}://[user:password@]host[:port][/…]"

    def read(url: str) -> str:
        given, separator, rest = url.partition("://")
        scheme = _ALSO_CALLED.get(given.lower(), given)
        if not separator or scheme.lower() not in schemes:
            raise ValueError(f"{wanted}, or {', '.join(schemes[1:])}://" if schemes[1:] else wanted)
        user, at, place = rest.rpartition("@")
        host = re.split(r"[/?#]", place, maxsplit=1)[0]
        port = _PORT.fullmatch(host)
        if port is None or int(port[1] or 0) > 65535:
            raise ValueError(f"{wanted}; its port is no number up to 65535")
        return f"{scheme}://{quote(_LONE_PERCENT.sub('%25', user), safe=_SAFE)}{at}{place}"

    return read


def shown_url(url: str) -> str:
    """Return *url* without the password in it, whatever characters that has."""
    scheme, separator, rest = url.partition("://")
    user, at, place = rest.rpartition("@")
    name, colon, _password = user.partition(":")
    hidden = f"{name}:***" if colon else user
    return _PASSWORD_IN_QUERY.sub(r"\1***", f"{scheme}{separator}{hidden}{at}{place}")
