"""Network blocks that several plugins share, and safe loading of their weights."""
