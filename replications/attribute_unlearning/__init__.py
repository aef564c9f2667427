"""Guo et al., Efficient Attribute Unlearning (2022, arXiv 2202.13295)."""
