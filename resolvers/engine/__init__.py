"""The planned path: a query becomes a plan once, a plan becomes generated code, and a request runs it in batches."""
