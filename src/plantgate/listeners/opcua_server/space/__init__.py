"""The address space: what clients browse and read.

nodes.py            what a node is to the services (Node, Branch), nodes that stay as they are
address_space.py    the branches together: find a node, follow its references
rights.py           what a session may do, by patterns of paths
standard.py         namespace 0 from its tables: table_types.py, table_objects.py, table_events.py
standard_values.py  what its variables hold: names of enumerations, arguments of methods
server_values.py    the live ones of the Server object: status, limits, counts
tags.py             tags, their folders and properties: found and browsed, and who may know of them
tag_nodes.py        one of them as a node, made for one request
tag_index.py        which tags lie in which folder, as one set of rights sees them
units.py            engineering units with their UNECE codes
made.py             objects of asyncua's classes as they are made here
values.py           values of tags as Variants and back
index_range.py      parts of arrays and texts
"""
