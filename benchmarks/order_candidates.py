"""The rules that came after the table of `order_rules.py`: gain penalties, recorded orders, one for all.

Same noises as there. Run: python benchmarks/order_candidates.py --seed 5000 --samples 16
"""

from __future__ import annotations

from order_rules import methods
from shapes_table import main

WORDS = ("recorded", "gain to", "one order")

if __name__ == "__main__":
    rows = [row for row in methods() if any(word in row[0] for word in WORDS)]
    main(__doc__, rows, "order_candidates.jsonl")
