"""Parts put together for `app.py`: with it the only place where siblings meet."""
