"""The Open Inference Protocol (V2), whatever carries it: datatypes, parameters, requests and what it tells."""
