"""Who is counted as one of those who ask from outside."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


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


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(address)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
