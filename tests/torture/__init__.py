"""What docs/reliability.md promises, tried on mutated files and killed runs: `python -m tests.torture --help`."""
