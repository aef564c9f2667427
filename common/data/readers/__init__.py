"""One module per set: its classes or columns, and how its files are decoded."""
