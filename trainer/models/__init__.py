"""Models: a registry of architectures, each with its configuration, network, names and figures."""

from trainer.models.architecture import Architecture, Configuration, FusedAttention, Network, Outputs
from trainer.models.registry import ARCHITECTURES, CONFIG, configuration_of, get, read_configuration, read_json

__all__ = [
    "ARCHITECTURES",
    "CONFIG",
    "Architecture",
    "Configuration",
    "FusedAttention",
    "Network",
    "Outputs",
    "configuration_of",
    "get",
    "read_configuration",
    "read_json",
]
