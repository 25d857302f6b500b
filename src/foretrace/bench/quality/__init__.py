"""What samples are worth: fidelity to the uncached ones, distribution, prompt and task."""
