"""The Vision-Language Fusion data: its folders and .h5 files as data sets, and their conversion."""
