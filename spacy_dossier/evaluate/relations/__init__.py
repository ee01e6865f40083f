"""Scores and calibration of relations between entities."""
