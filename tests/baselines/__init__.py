"""Tests of the plugin packages under ``baselines/``."""
