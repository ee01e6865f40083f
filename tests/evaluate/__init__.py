"""Tests of scores; a package, so that its modules share small pipelines."""
