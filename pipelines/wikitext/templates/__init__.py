"""Templates: the ones that show text, how each is expanded, and the definitions on a dump's own template pages."""
