"""From candidates to a belief: search, evidence over time, decision."""
