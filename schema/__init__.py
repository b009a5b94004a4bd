"""The GraphQL face of the hub: Strawberry types that turn domain records into the published graph."""
