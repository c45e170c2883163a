"""Measurements of the model server. The load always comes from another process than the server."""
