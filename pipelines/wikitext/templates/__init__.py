"""Templates: which show text, what they show, and what a dump's own template pages say."""
