"""The formulas: one pure function each, from :class:`~fusionbench.metrics.planes.Planes` to one value per plane."""
