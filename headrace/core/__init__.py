"""What every room stands on: dtypes, shapes, specs, errors, nested structures. Imports numpy only."""
