"""What the commands of :mod:`mlsteps.cli.groups` do. Each gets the parsed arguments and answers its exit code."""
