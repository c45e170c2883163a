"""Graph rewriting: one file a pass, one flat list of passes in pipeline.py."""
