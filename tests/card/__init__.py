"""A stand-in for a GPU: arrays as strict as cupy's, tensors as strict as PyTorch's, and counts of what costs there."""
