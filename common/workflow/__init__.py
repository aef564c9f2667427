"""Configuration, code fingerprint, cost estimate and the command line."""
