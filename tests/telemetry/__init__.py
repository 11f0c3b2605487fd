"""Tests of the contract between station and centre."""
