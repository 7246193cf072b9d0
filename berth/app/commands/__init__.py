"""The commands of `berth`, by theme. They import the upper floors inside, so that `berth --help` is quick."""
