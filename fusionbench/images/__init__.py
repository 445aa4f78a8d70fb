"""Images: safe decoding and encoding, colour, padding and tiling."""
