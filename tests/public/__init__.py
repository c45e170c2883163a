"""Public functions, run from the same source under Headrace and under real TensorFlow."""
