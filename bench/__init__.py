"""Measurements, side by side where it can be."""
