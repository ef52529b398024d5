"""Mutation tests of the safety code: every small change of it must fail a test."""
