"""Network blocks that several plugins use, and ways to run them in less memory."""
