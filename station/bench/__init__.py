"""What a technician measures on a rig: the loop's latency, and stopping."""
