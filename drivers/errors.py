"""The one error of this room: a plug that does not do what it should."""


class DriverError(Exception):
    """A device or bus failed. The message names the thing, its value, what was expected and what to do."""
