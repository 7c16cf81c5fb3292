"""The branches of the address space as one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from asyncua import ua

from plantgate.errors import UsageError
from plantgate.listeners.opcua_server.space.nodes import Branch, Node, Reference, Wanted
from plantgate.listeners.opcua_server.space.rights import Rights
from plantgate.listeners.opcua_server.space.standard import StandardBranch


class AddressSpace:
    """Several branches may have nodes of one namespace: they are asked in the order in which they were added."""

    def __init__(self, standard: StandardBranch) -> None:
        self.standard = standard
        self._branches: list[Branch] = []
        self._owners: dict[int, list[Branch]] = {}
        self.add_branch(standard)

    def add_branch(self, branch: Branch) -> None:
        if branch in self._branches:
            raise UsageError("OPC-201", "a branch was added twice", "a defect of plantgate: report it")
        self._branches.append(branch)
        for namespace in branch.namespaces:
            self._owners.setdefault(namespace, []).append(branch)

    def find(self, node_id: ua.NodeId, rights: Rights) -> Node | None:
        for branch in self._owners.get(node_id.NamespaceIndex, ()):
            node = branch.find(node_id, rights)
            if node is not None:
                return node
        return None

    def references(self, node: Node, wanted: Wanted, rights: Rights) -> Iterator[Reference]:
        """The node's own first, then what branches attach to it."""
        node_id = node.node_id
        return chain(
            node.references(wanted),
            chain.from_iterable(branch.attached(node_id, wanted, rights) for branch in self._branches),
        )

    def named(self, node: Node, wanted: Wanted, name: ua.QualifiedName, rights: Rights) -> Iterator[Reference]:
        """Those of `references` that lead to a node with the browse name `name`."""
        node_id = node.node_id
        attached = chain.from_iterable(branch.attached(node_id, wanted, rights) for branch in self._branches)
        return chain(node.named(wanted, name), (each for each in attached if each.name == name))
