"""The embedded describer: what can be measured in an image, said in words."""
