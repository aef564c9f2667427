"""Speed and accuracy against peers, each as a ratio in one run."""
