"""Gradescope: the zip to upload, and what grades in it."""
