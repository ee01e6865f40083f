"""Entity, token and summary scores; calibration; baselines."""
