"""The Simple repository API: names, pages, and their forms."""
