"""Tables, published numbers, statistics and figures: pure functions of a run's tidy frame.

Importing the package is cheap; its modules load pandas, scipy and Pillow where they need them.
"""
