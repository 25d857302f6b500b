"""The language of the captions: words, tokenizers, encoders and what they learn."""
