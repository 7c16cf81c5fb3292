"""Tag definitions as files: read, checked, edited, written back, imported and exported."""
