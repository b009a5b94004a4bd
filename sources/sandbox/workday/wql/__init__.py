"""The Workday Query Language as the tenant speaks it: its grammar, its data sources, and how a query runs."""
