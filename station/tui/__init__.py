"""The worker's screen: SessionViews in, Intents and Requests out. It draws what it is given and computes nothing."""
