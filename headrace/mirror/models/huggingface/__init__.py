"""Hugging Face's protocol: repositories of models, datasets and spaces, kept by commit."""
