"""The demonstration: Fashion-MNIST from TFRecords to a served model that is replaced under load."""
