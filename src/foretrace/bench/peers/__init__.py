"""Other libraries' caches, called as their users call them, each in a process of its own.

``install.py`` says how each is put on a pipeline, ``measure.py`` runs in the process (``python -m
foretrace.bench.peers.measure``), ``launch.py`` starts it.
"""
