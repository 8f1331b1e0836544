"""Tests of the pipeline side of ``mlsteps.sdk``."""
