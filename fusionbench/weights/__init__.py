"""Weights: finding, keeping, verifying and reading them; nothing in a file is executed.

* ``published``: which there are, by names of methods and metrics; ``finding``: which file they are, and where it lies;
* ``store``: the user's weights folder; ``hub``: the Hugging Face hub;
* ``checkpoints``: state dicts from files, and into networks; ``unwrapping``: what training wraps around them;
  ``foreign``: what a file that is no checkpoint really is; ``tensorflow_bundle``: TensorFlow's checkpoints;
* ``recognition``: published weights known by digest, conversions by their numbers;
* ``metrics``: metrics that are made of weights; ``pretrained``: models of the library transformers.
"""
