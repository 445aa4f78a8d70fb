"""Runs and weights on the Hugging Face hub: what is published, the card that goes with it, and sending it there."""
