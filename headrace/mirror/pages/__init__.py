"""Projects' pages: kept on disk, asked for again when they are old."""
