"""The hub's durable memory on PostgreSQL: cross references, directory, watermarks, and the embedded server."""
