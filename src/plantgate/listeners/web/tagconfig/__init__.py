"""Tags over REST as they are configured: browsed by folders, edited, imported and exported, and their groups."""
