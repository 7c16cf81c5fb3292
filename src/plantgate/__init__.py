"""plantgate: an open industrial gateway. Start reading at `app.py`; the tree is explained in docs/architecture.md."""

__version__ = "0.1.0"
