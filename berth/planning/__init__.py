"""What a recipe will need and make, by arithmetic: nothing is run."""
