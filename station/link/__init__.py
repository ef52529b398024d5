"""The only door between the station's processes: ticks out by a shared ring, intents in, views to the screens."""
