"""The one error of this room: bytes that do not say what they should."""


class WireError(Exception):
    """Bytes broke the wire's rules. The message names the thing, its value, what was expected and what to do."""
