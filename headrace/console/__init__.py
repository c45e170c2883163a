"""The web page of the model server: its files, and the routes that give them."""
