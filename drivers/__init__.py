"""Who we talk to: everything with a plug, and the emulated far ends that speak the same bytes."""
