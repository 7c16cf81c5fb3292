"""A SpringCore badge reader without hardware: `$SCRDR` over TCP with all its manners, good and bad.

`simulate` runs one until it is told to stop; `ControlClient` presents cards to one that runs.
"""
