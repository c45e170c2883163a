"""The list of all projects: upstreams' lists, each read as it comes and kept packed, and the one list that clients get."""
