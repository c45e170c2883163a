"""Which projects and files a mirror gives out."""
