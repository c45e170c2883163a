"""One server as several processes that share its ports: a supervisor, and workers that are each a whole server."""
