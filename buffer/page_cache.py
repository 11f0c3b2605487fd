"""What the kernel holds of the store's file, which is not always what is on the card."""

import os
from contextlib import suppress
from pathlib import Path


def forget(path: Path) -> None:
    """Makes the kernel forget what it holds of the file, so that the next checkpoint truly writes it.

    After a write into new blocks that failed, ext4 takes a later write of the same page, while the page is still
    in its cache, to a place that it never marks as written: every sync says that all is well, and after a power cut
    the place reads as zeros ("failed to convert unwritten extents", Linux 6.18). Whatever is not on the card is in the
    WAL too, which must never be forgotten. No connection of this process may be open: closing any descriptor of
    the file gives up its locks.
    """
    if not hasattr(os, "posix_fadvise"):
        return
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR)
        try:
            with suppress(OSError):
                os.fdatasync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
