"""SpringCard SpringCore badge readers in Smart Reader mode, `$SCRDR` over TCP or UDP: a `SpringCoreReader` each."""

from plantgate.drivers.springcore.options import Credential, ReaderOptions, Transport
from plantgate.drivers.springcore.reader import SpringCoreReader
from plantgate.drivers.springcore.shared import Shared
from plantgate.drivers.springcore.tags import reader_tag_definitions

__all__ = [
    "Credential",
    "ReaderOptions",
    "Shared",
    "SpringCoreReader",
    "Transport",
    "reader_tag_definitions",
]
