"""What watches a mirror: its dashboard and its alerts."""
