"""SOQL: the grammar of the supported subset, its meaning against the tenant's objects, and its execution."""
