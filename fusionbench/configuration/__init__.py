"""Settings as people write them: YAML files, and ``KEY=VALUE`` on a command line.

What a single value means is decided in :mod:`fusionbench.types.values`.
"""
