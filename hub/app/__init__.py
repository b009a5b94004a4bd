"""The ASGI application: authentication, the GraphQL endpoint, health, and the local GraphiQL page."""
