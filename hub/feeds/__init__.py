"""Change feeds: durable periodic jobs that keep directory and record cache in step with the systems of record."""
