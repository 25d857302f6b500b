"""What is found out before a run, from the features of recorded ones."""
