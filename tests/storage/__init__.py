"""Tests of mlsteps.storage."""
