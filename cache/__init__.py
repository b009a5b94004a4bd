"""The record cache: freshness policy, keys, and the memory and Redis tiers."""
