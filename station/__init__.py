"""What we do with it: the loop, the limits, the session, the screen."""

__version__ = "0.1.0"
