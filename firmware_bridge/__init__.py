"""What the bytes say: pure codecs, handshakes, clock mapping, update steps. No ports, no threads, no clock."""
