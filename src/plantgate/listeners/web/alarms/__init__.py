"""Alarms over REST and the live stream: what is active, what was, and what people do about it."""
