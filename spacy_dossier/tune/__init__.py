"""Search for the settings of a training config that score best on the development data."""
