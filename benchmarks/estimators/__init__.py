"""Estimators of mutual information against their peers: accuracy, staircase, speed."""
