"""Entities by a linear-chain CRF, with calibrated confidence."""
