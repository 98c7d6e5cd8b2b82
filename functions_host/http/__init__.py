"""The HTTP side of a host: server, routes, keys, admin pages."""
