"""SpringCard SpringCore badge readers in Smart Reader mode, `$SCRDR` over TCP: one `SpringCoreReader` per device."""

from plantgate.drivers.springcore.reader import ReaderOptions, SpringCoreReader
from plantgate.drivers.springcore.tags import reader_tag_definitions

__all__ = ["ReaderOptions", "SpringCoreReader", "reader_tag_definitions"]
