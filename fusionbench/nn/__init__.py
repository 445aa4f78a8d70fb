"""Network blocks that several plugins use, and safe checkpoint loading."""
