"""Where the time of a request goes, told to OpenTelemetry."""
