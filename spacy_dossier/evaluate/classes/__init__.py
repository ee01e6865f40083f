"""How good the classes of texts are: scores, calibration, and their part of the page."""
