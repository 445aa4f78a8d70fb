"""Providers that look at images or write paragraphs with models."""
