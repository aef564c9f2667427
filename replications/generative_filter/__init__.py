"""The generative filter (Chen et al., arXiv:1904.09415): a frozen VAE and a small adversarial linear filter."""
