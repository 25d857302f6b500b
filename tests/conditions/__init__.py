"""The conditions that people run pipelines under, one file each; docs/interactions.md is their summary."""
