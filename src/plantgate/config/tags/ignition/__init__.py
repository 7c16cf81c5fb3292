"""Ignition's tag export, both ways."""
