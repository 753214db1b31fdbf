"""Tests for the tests."""
