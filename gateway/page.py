"""The small page at ``/``: the medal table, read from ``/v1/standings`` every second."""

from importlib.resources import files


def page() -> bytes:
    """Return the page's HTML."""
    return files("gateway").joinpath("page.html").read_bytes()
