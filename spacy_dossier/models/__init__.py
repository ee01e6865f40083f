"""Thinc and PyTorch architectures the components are built from."""
