"""The last minutes of each model's requests, second by second, for the charts of the console."""
