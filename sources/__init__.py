"""The adapters to the systems of record, one per vendor, and the transport that they share."""
