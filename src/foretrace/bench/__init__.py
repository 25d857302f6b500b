"""Methods, controls and peers side by side on one pipeline."""
