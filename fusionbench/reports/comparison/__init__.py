"""Whether methods differ: ranks, tests, effects and how metrics agree, and what all this is worth."""
