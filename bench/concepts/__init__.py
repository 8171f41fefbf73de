"""Conditional relevance and reference samples, side by side with zennit-crp, and what they cost."""
