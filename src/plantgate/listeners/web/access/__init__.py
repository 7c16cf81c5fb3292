"""Access control over REST: who may pass, who is inside, why, and the badge journal for auditors."""
