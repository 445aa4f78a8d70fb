"""From images to paragraphs to text features: captions, dense captions, masks, writers and text encoders."""
