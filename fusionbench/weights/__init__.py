"""Weights: finding, keeping, verifying and reading them; nothing in a file is executed.

* ``finding``: which file a method's weights are, and where it lies;
* ``store``: the user's weights folder; ``hub``: the Hugging Face hub;
* ``checkpoints``: state dicts from files, and into networks; ``unwrapping``: what training wraps around them;
  ``foreign``: what a file that is no checkpoint really is; ``tensorflow_bundle``: TensorFlow's checkpoints;
* ``recognition``: published weights known by digest, conversions by their numbers;
* ``pretrained``: models of the library transformers.
"""
