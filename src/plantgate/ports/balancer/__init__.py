"""Load balancers in front of several gateways: one model (`model`), one writer per product (`writers`)."""
