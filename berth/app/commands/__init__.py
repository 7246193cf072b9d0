"""The commands of `berth`, by theme. Commands import what they need when they run, so that `berth --help` is quick."""
