"""The steps of a pipeline. Constructing one does no I/O; the graph builder asks it for its node."""
