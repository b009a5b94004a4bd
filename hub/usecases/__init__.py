"""What callers ask the hub to do: commands written through to the systems that own what changes."""
