"""One attacker for all: every paper's removal term on shared ground, judged by one battery of fresh attackers."""
