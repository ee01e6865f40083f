"""Words a second of a pipeline beside its peers."""
