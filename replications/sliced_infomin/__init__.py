"""Scalable Infomin Learning (arXiv:2302.10701): sliced mutual information as a removal penalty."""
