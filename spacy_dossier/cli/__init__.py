"""One file a subcommand: `x_cli()` parses and calls a plain `x()` of the library."""
