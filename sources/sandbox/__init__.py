"""Protocol-faithful stand-ins of the vendors' systems, written from the vendors' documentation."""
