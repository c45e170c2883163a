"""What a pull takes: requirements resolved for pythons and platforms, and the files of the answer."""
