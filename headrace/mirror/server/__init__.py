"""The mirror's HTTP front end."""
