"""Where secrets come from and how they stay out of sight."""
