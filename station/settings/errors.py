"""The one error of settings: a file that does not say what it should."""


class ConfigError(Exception):
    """A rig, task or calibration file is wrong. The message names file, key, value, what was expected."""
