"""Paragraphs from a language model behind an OpenAI-compatible endpoint, over the standard library alone."""
