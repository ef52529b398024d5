"""The error of this room: a plug that does not do what it should."""


class DriverError(Exception):
    """A device or bus failed. The message names the thing, its value, what was expected and what to do."""


class BusFullError(DriverError):
    """A bus took no frame in time: its transmit queue is full because nobody on the wire acknowledges."""
