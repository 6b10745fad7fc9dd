"""A simulated community on two networks, from which any day can be pulled alone. Begin at `simulate_day`."""

from orchestration.connectors.community.settings import CommunitySettings
from orchestration.connectors.community.simulation import simulate_day, truth

__all__ = ["CommunitySettings", "simulate_day", "truth"]
