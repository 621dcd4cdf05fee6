"""Choosing a network and taking back firewall rules: pure parts; the real thing is in tests/e2e."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest

from localkube.engine import network
from localkube.engine.home import EngineHome
from localkube.errors import LocalKubeError

OURS = IPv4Network("10.213.0.0/16")
RULES = [
    line.split()
    for line in """
-P FORWARD DROP
-N DOCKER
-N DOCKER-USER
-A FORWARD -j DOCKER-USER
-A FORWARD -o localkube0 -j DOCKER
-A FORWARD -i localkube0 ! -o localkube0 -j ACCEPT
-A FORWARD -s 198.51.100.0/24 -j ACCEPT
-A POSTROUTING -s 10.213.0.0/20 ! -o localkube0 -j MASQUERADE
-A POSTROUTING -s 10.213.128.2/32 -d 10.213.128.2/32 -p tcp -j MASQUERADE
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i localkube0 -j RETURN
-A DOCKER-USER -j RETURN
""".strip().splitlines()
]


def test_the_first_network_that_nothing_uses_is_taken() -> None:
    used = [IPv4Network("10.213.4.0/24"), IPv4Network("10.216.0.0/15")]
    assert network.free_network(used) == IPv4Network("10.223.0.0/16")


def test_a_network_with_one_of_our_name_servers_is_not_taken() -> None:
    assert network.free_network([], [IPv4Address("10.213.0.53")]) == IPv4Network("10.217.0.0/16")


def test_it_is_an_error_when_every_network_is_used() -> None:
    with pytest.raises(LocalKubeError, match="no free network"):
        network.free_network([IPv4Network("10.0.0.0/8")])


def test_no_candidate_is_what_kubernetes_gives_to_pods_and_services() -> None:
    kubernetes = [IPv4Network("10.244.0.0/16"), IPv4Network("10.96.0.0/16")]
    assert not [one for one in network.CANDIDATES if any(one.overlaps(other) for other in kubernetes)]


def test_bridge_and_pool_lie_apart_in_the_whole() -> None:
    bridge, pool = network.bridge_interface(OURS), network.address_pool(OURS)
    assert bridge == IPv4Interface("10.213.0.1/20")
    assert pool == IPv4Network("10.213.128.0/17")
    assert pool.supernet() == OURS


def test_routes_are_read_without_the_default_and_our_own(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "route").write_text(
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "ours0\t0000D50A\t00000000\t0001\t0\t0\t0\t00F0FFFF\t0\t0\t0\n"
    )
    assert network.routed_networks(tmp_path, {"ours0"}) == [IPv4Network("192.0.2.0/24")]


def test_name_servers_are_read_and_odd_lines_are_not(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("search a.example\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\n")
    assert network.dns_servers(tmp_path / "resolv.conf") == [IPv4Address("192.0.2.53")]
    assert network.dns_servers(tmp_path / "none") == []


def test_our_rules_are_taken_back_and_others_stay() -> None:
    found = [" ".join(rule) for rule in network.rules_to_remove(RULES, ["localkube0"], OURS, all_of_docker=True)]
    assert found == [
        "-D FORWARD -j DOCKER-USER",
        "-D FORWARD -o localkube0 -j DOCKER",
        "-D FORWARD -i localkube0 ! -o localkube0 -j ACCEPT",
        "-D POSTROUTING -s 10.213.0.0/20 ! -o localkube0 -j MASQUERADE",
        "-D POSTROUTING -s 10.213.128.2/32 -d 10.213.128.2/32 -p tcp -j MASQUERADE",
        "-D DOCKER -i localkube0 -j RETURN",
    ]


def test_jumps_that_another_engine_needs_stay() -> None:
    found = [" ".join(rule) for rule in network.rules_to_remove(RULES, ["localkube0"], OURS, all_of_docker=False)]
    assert "-D FORWARD -j DOCKER-USER" not in found
    assert "-D DOCKER -i localkube0 -j RETURN" in found


def test_a_record_that_was_cut_off_counts_as_none(tmp_path: Path) -> None:
    home = EngineHome(lib_dir=tmp_path)
    assert network.read_record(home) is None
    home.record.write_text('{"boot": "x", "sysc')
    assert network.read_record(home) is None
    home.record.write_text('{"boot": "x"}')
    assert network.read_record(home) is None
