"""Predictions, scores and calibration of a pipeline, and the page that shows them."""
