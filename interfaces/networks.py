"""Where those are who ask from outside."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Networks = tuple[IPv4Network | IPv6Network, ...]


@lru_cache(maxsize=10_000)
def network(address: str) -> str:
    """What one subscriber has: an address of IPv4, or a network of 2^64 addresses of IPv6; a name as a proxy states it."""
    found = _parsed(address)
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found or address)


@lru_cache(maxsize=10_000)
def is_loopback(address: str) -> bool:
    """Whether it is the machine itself."""
    found = _parsed(address)
    return found is not None and found.is_loopback


def read_networks(written: str) -> Networks:
    """The networks in ``10.20.0.0/16, 192.0.2.7``; raises ``ValueError`` with a German sentence."""
    try:
        return tuple(ip_network(part.strip()) for part in written.split(",")) if written else ()
    except ValueError:
        raise ValueError("muss Netze oder Adressen wie 10.20.0.0/16, 192.0.2.7, 2001:db8::/48 nennen") from None


def lies_in(address: str, networks: Networks) -> bool:
    """Whether it is an address of one of them."""
    found = _parsed(address)
    return found is not None and any(found in network for network in networks)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(address)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
