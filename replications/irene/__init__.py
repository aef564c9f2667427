"""IRENE: information removal at the bottleneck (Tartaglione, BMVC 2022)."""
