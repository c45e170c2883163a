"""`headrace mirror`: one file a command."""
