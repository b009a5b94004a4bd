"""The generated firm that all sandboxes share: one seeded, internally consistent professional-services firm."""
