"""The training engine against a plain researcher's loop, each row a ratio in one run."""
