"""InfoShape: Wu, Neural Data Shaping and Evaluation via MI Estimation (MIT 2022)."""
