"""Builds a ``PipelineGraph`` from SDK objects and checks it. No I/O except whether scripts exist; no hashing."""
