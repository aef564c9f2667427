"""The common core of five replications: estimators, losses, models, training, data, evaluation, results."""
