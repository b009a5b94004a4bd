"""The demo: one command that runs sandboxes for four vendors and a hub in front of them."""
