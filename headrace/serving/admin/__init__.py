"""The admin API: what operators ask of a server and tell it, on a port of its own."""
