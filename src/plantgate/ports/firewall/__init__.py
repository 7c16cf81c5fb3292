"""Firewall rules for what a configuration really needs: one model (`rules`), one writer per system (`writers`)."""
