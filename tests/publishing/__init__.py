"""Runs and weights on the Hugging Face hub."""
