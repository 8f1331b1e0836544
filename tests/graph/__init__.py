"""Tests of ``mlsteps.graph``."""
