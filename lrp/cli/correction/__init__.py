"""`lrp locate`, `lrp correct` and `lrp compare`: from a finding to a corrected model and the proof."""
