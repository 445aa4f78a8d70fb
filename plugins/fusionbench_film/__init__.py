"""FILM: image fusion via vision-language model (Zhao et al., ICML 2024)."""
