"""Planning: what a recipe needs and produces, by arithmetic; nothing is run."""
