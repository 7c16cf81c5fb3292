"""The OPC UA server: the services that it answers, over the live tags.

    space/          the address space: standard nodes, tags, folders, rights
    caller.py       who asks: rights, origin, continuation points of a session
    attributes.py   Read and Write
    outcomes.py     what became of a command, as a status code
    view.py         Browse, BrowseNext, TranslateBrowsePathsToNodeIds, RegisterNodes, UnregisterNodes

Sources, cited by part and clause: OPC 10000-3 (address space), -4 (services), -5 (information model), -8 (data access).
"""
