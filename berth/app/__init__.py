"""The application: the command line and local runs. It may import every other layer; none imports it."""
