"""What an engine changes in the machine's network: its bridge, firewall rules and forwarding; and taking it back.

Before the engine's first start the state of the machine is recorded; afterwards only what the record does not name
is removed.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

from localkube.engine.home import EngineHome
from localkube.errors import CommandFailed, LocalKubeError
from localkube.shell import run

# Not among what kind and kubeadm give to pods (10.244/16) and services (10.96/16), nor Docker's own defaults (172.17
# and up, 192.168), which another engine on the machine may take later.
CANDIDATES = tuple(IPv4Network(f"10.{second}.0.0/16") for second in (213, 217, 223, 227, 229, 233, 239, 151, 157, 163))
SYSCTLS = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/ipv6/conf/default/forwarding")
CHAINS = ("DOCKER", "DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2", "DOCKER-USER")
TABLES = ("filter", "nat")


@dataclass(frozen=True)
class Before:
    """The machine before our engine's first start since its boot.

    Attributes:
        boot: the boot that this is true of: nothing that we changed here outlives one.
        sysctls: values of the switches that an engine turns.
        chains: "table chain" of the firewall chains that were there.
        policy: what happened to forwarded packets.
        folders: which of the places that every engine shares were there.
    """

    boot: str
    sysctls: dict[str, str]
    chains: list[str]
    policy: str
    folders: list[str]


def free_network(
    used: Iterable[IPv4Network], servers: Iterable[IPv4Address] = (), candidates: Sequence[IPv4Network] = CANDIDATES
) -> IPv4Network:
    """The first candidate that overlaps nothing this machine has a route to and holds none of its DNS servers.

    Raises:
        LocalKubeError: there is none.
    """
    used, servers = list(used), list(servers)
    for candidate in candidates:
        if not any(candidate.overlaps(one) for one in used) and not any(server in candidate for server in servers):
            return candidate
    tried = ", ".join(str(candidate) for candidate in candidates)
    raise LocalKubeError(
        f"no free network for containers: the machine has routes into all of {tried}",
        "use another engine: set DOCKER_HOST to its socket",
    )


def routed_networks(proc: Path = Path("/proc"), without: Iterable[str] = ()) -> list[IPv4Network]:
    """The networks in the routing table, the default route apart, and without those of some interfaces."""
    ignored = set(without)
    found = []
    for line in (proc / "net" / "route").read_text().splitlines()[1:]:
        interface, destination, _, _, _, _, _, mask = line.split()[:8]
        if interface not in ignored and int(mask, 16):
            found.append(IPv4Network((_little_endian(destination), str(_little_endian(mask)))))
    return found


def dns_servers(resolv_conf: Path = Path("/etc/resolv.conf")) -> list[IPv4Address]:
    """The IPv4 name servers that this machine asks."""
    found = []
    with suppress(OSError):
        for word in re.findall(r"^nameserver\s+(\S+)", resolv_conf.read_text(), re.MULTILINE):
            with suppress(ValueError):
                found.append(IPv4Address(word))
    return found


def bridge_interface(whole: IPv4Network) -> IPv4Interface:
    """The address of the bridge: the first of the network's first sixteenth."""
    first = next(whole.subnets(prefixlen_diff=4))
    return IPv4Interface((first.network_address + 1, first.prefixlen))


def address_pool(whole: IPv4Network) -> IPv4Network:
    """The half from which the engine takes its further networks."""
    return list(whole.subnets(prefixlen_diff=1))[1]


def ensure_bridge(home: EngineHome, wanted: IPv4Network | None = None) -> IPv4Network:
    """Make the bridge, or take the one that is there; answers the whole network that it belongs to.

    Args:
        wanted: the network of an earlier start, taken again where nothing else on the machine uses it by now: the
            engine's further networks lie in it.
    """
    candidates = (wanted, *CANDIDATES) if wanted else CANDIDATES
    whole = free_network(routed_networks(without=our_bridges(home, wanted)), dns_servers(), candidates)
    if not _exists(home.bridge):
        _ip("link", "add", home.bridge, "type", "bridge")
    address = bridge_interface(whole)
    if interfaces().get(home.bridge) != address:
        _ip("addr", "flush", "dev", home.bridge)
        _ip("addr", "add", str(address), "dev", home.bridge)
    _ip("link", "set", home.bridge, "up")
    return whole


def interfaces() -> dict[str, IPv4Interface]:
    """All interfaces that have an IPv4 address, with their first."""
    answer = json.loads(run(["ip", "-json", "-4", "addr", "show"], timeout=10) or "[]")
    return {
        entry["ifname"]: IPv4Interface((info["local"], info["prefixlen"]))
        for entry in answer
        for info in entry.get("addr_info", [])[:1]
    }


def record_before(home: EngineHome, shared: Sequence[Path]) -> None:
    """Write down what the machine is like, once for each boot."""
    boot = _boot()
    known = read_record(home)
    if known is not None and known.boot == boot:
        return
    before = Before(
        boot=boot,
        sysctls={name: value for name in SYSCTLS if (value := _sysctl(name)) is not None},
        chains=[f"{table} {chain}" for table in TABLES for chain in _chains(_rules(table))],
        policy=_policy(_rules("filter")),
        folders=[str(path) for path in shared if path.exists()],
    )
    home.record.parent.mkdir(parents=True, exist_ok=True)
    partial = home.record.with_name(home.record.name + ".partial")
    partial.write_text(json.dumps(asdict(before), indent=1))
    partial.replace(home.record)


def read_record(home: EngineHome) -> Before | None:
    """The record; None where there is none, or it was cut off while being written."""
    try:
        return Before(**json.loads(home.record.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def restore(home: EngineHome, whole: IPv4Network | None, *, chains_are_shared: bool) -> None:
    """Take back what our engine changed: rules, chains, bridges, and the switches that nobody else needs now."""
    bridges = our_bridges(home, whole)
    before = read_record(home)
    if before is not None and before.boot != _boot():
        before = None  # the reboot took it all back
    for table in TABLES:
        for rule in rules_to_remove(_rules(table), bridges, whole, all_of_docker=not chains_are_shared):
            _iptables(table, *rule)
        if before is not None and not chains_are_shared:
            _remove_chains(table, before)
    for bridge in bridges:
        with suppress(CommandFailed):
            _ip("link", "del", bridge)
    if before is not None and not chains_are_shared:
        _iptables("filter", "-P", "FORWARD", before.policy)
        for name, value in before.sysctls.items():
            if _sysctl(name) != value:
                with suppress(OSError):
                    (Path("/proc/sys") / name).write_text(value)


def rules_to_remove(
    rules: Iterable[Sequence[str]], bridges: Iterable[str], whole: IPv4Network | None, *, all_of_docker: bool
) -> list[list[str]]:
    """The deletions that free the built-in chains, and shared ones, of our rules.

    Args:
        rules: words of the lines of `iptables -S`.
        all_of_docker: no other engine uses the chains of that name, so the jumps to them go as well.
    """
    ours = set(bridges)
    found = []
    for rule in rules:
        if rule[:1] != ["-A"]:
            continue
        by_name = bool(ours.intersection(rule))
        by_address = whole is not None and any(_within(word, whole) for word in rule)
        jump = all_of_docker and rule[1] not in CHAINS and "-j" in rule and rule[rule.index("-j") + 1] in CHAINS
        if by_name or by_address or jump:
            found.append(["-D", *rule[1:]])
    return found


def our_bridges(home: EngineHome, whole: IPv4Network | None) -> list[str]:
    """The home's bridge and those of the networks that its engine made, as far as they are there."""
    made_by_engine = [
        name
        for name, address in (interfaces() if whole else {}).items()
        if whole and name.startswith("br-") and address.ip in address_pool(whole)
    ]
    return [*made_by_engine, *([home.bridge] if _exists(home.bridge) else [])]


def _remove_chains(table: str, before: Before) -> None:
    there = [chain for chain in _chains(_rules(table)) if chain in CHAINS and f"{table} {chain}" not in before.chains]
    for flag in ("-F", "-X"):
        for chain in there:
            _iptables(table, flag, chain)


def _rules(table: str) -> list[list[str]]:
    if shutil.which("iptables") is None:
        return []
    # Not to know the rules is no "there are none": what was there before would be taken for ours.
    return [line.split() for line in run(["iptables", "-w", "10", "-t", table, "-S"], timeout=30).splitlines()]


def _chains(rules: Iterable[Sequence[str]]) -> list[str]:
    return [rule[1] for rule in rules if rule[0] == "-N"]


def _policy(rules: Iterable[Sequence[str]]) -> str:
    return next((rule[2] for rule in rules if rule[:2] == ["-P", "FORWARD"]), "ACCEPT")


def _within(word: str, whole: IPv4Network) -> bool:
    with suppress(ValueError):
        return IPv4Network(word.partition(":")[0], strict=False).subnet_of(whole)
    return False


def _iptables(table: str, *args: str) -> None:
    # What is gone already is what was wanted.
    with suppress(CommandFailed):
        run(["iptables", "-w", "10", "-t", table, *args], timeout=30)


def _ip(*args: str) -> None:
    run(["ip", *args], timeout=10)


def _exists(interface: str) -> bool:
    # By the kernel, not by /sys: that one may show another network namespace than ours.
    with suppress(OSError):
        return socket.if_nametoindex(interface) > 0
    return False


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _sysctl(name: str) -> str | None:
    with suppress(OSError):
        return (Path("/proc/sys") / name).read_text().strip()
    return None


def _little_endian(word: str) -> IPv4Address:
    return IPv4Address(int(word, 16).to_bytes(4, "little"))
