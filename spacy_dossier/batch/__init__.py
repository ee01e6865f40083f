"""Documents in, records out: discover, extract, run, ledger, sinks, report."""
