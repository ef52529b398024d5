"""The control process: leader -> calibrate -> retarget -> limit -> gate -> arm. No disk, no screen, one thread."""
