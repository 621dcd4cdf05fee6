"""Files beneath a folder that somebody hostile writes to: opened part by part, no link is ever followed.

Owns reading and writing there. A path that leads through a link, to a device or out of the folder is refused; what is
too large is refused before it is read.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotBeneath(Exception):
    """A path that is not followed: it leads out, through a link, or to what is no regular file."""


class Unreadable(NotBeneath):
    """Something is there, and this user may not read it, or the disk does not give it. It is not gone."""


class TooLarge(Exception):
    """A file is larger than what the caller wants to hold."""


# What opening says of links, pipes, sockets and folders: there is no regular file.
_NO_FILE = frozenset({errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR, errno.ENOTDIR})


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Have what this user may not read told apart from what is not there."""
    try:
        yield
    except PermissionError:
        raise Unreadable(f"`{path}` may not be read by its group") from None


def parts_of(path: str) -> tuple[str, ...]:
    """The parts of a relative path.

    Raises:
        NotBeneath: it is absolute, empty, or has `..`, an empty part or a zero byte in it.
    """
    parts = tuple(path.split("/"))
    if not path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise NotBeneath(f"`{path}` is no path beneath the workspace")
    return parts


@dataclass(frozen=True)
class Beneath:
    """A folder whose content is not trusted."""

    root: Path

    def status(self, path: str) -> os.stat_result:
        """What is there, a link itself and not what it points at.

        Raises:
            NotBeneath: the way there leads through a link.
            Unreadable: the way there may not be looked into.
            FileNotFoundError: nothing is there.
        """
        with _told(path), self._parent(path) as (parent, name):
            return os.stat(name, dir_fd=parent, follow_symlinks=False)

    def read(self, path: str, most: int) -> bytes:
        """The content of a regular file.

        Raises:
            NotBeneath: it is a link or no regular file.
            Unreadable: it is there, and cannot be read.
            TooLarge: it has more than `most` bytes.
            FileNotFoundError: nothing is there.
        """
        with self._opened(path) as (file, size):
            if size > most:
                raise TooLarge(f"`{path}` has {size:,} bytes; at most {most:,} are read")
            data = file.read(most + 1)
        if len(data) > most:
            raise TooLarge(f"`{path}` grew beyond {most:,} bytes while it was read")
        return data

    def ends(self, path: str, half: int) -> bytes:
        """The content of a regular file; of one that has more than twice `half` bytes its beginning and its end.

        Raises:
            As `read`, but for TooLarge.
        """
        with self._opened(path) as (file, size):
            if size <= 2 * half:
                return file.read(2 * half)
            head = file.read(half)
            file.seek(-half, os.SEEK_END)
            return head + f"\n[... {size - 2 * half:,} bytes are left out ...]\n".encode() + file.read(half)

    @contextmanager
    def _opened(self, path: str) -> Iterator[tuple[BinaryIO, int]]:
        """A regular file, and its size."""
        with _told(path), self._parent(path) as (parent, name):
            try:
                handle = os.open(name, _READ, dir_fd=parent)
            except (FileNotFoundError, PermissionError):
                raise
            except OSError as error:
                kind = NotBeneath if error.errno in _NO_FILE else Unreadable
                raise kind(f"`{path}` cannot be opened: {error.strerror}") from None
            with os.fdopen(handle, "rb") as file:
                found = os.fstat(file.fileno())
                if not stat.S_ISREG(found.st_mode):
                    raise NotBeneath(f"`{path}` is no regular file")
                yield file, found.st_size

    def target(self, path: str) -> str:
        """Where a link points, as it is written in it."""
        with _told(path), self._parent(path) as (parent, name):
            return os.readlink(name, dir_fd=parent)

    def write(self, path: str, data: bytes, *, executable: bool | None = None) -> None:
        """Have a regular file with this content; folders on the way are made.

        Args:
            executable: None leaves the permissions of a file that is there as they are.
        """
        with self._parent(path, make=True) as (parent, name):
            try:
                handle = os.open(name, _WRITE, 0o666, dir_fd=parent)
            except OSError as error:
                raise NotBeneath(f"`{path}` cannot be written: {error.strerror}") from None
            with os.fdopen(handle, "wb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise NotBeneath(f"`{path}` is no regular file")
                file.truncate(0)
                file.write(data)
                if executable is not None:
                    # Another user's file can be written by its group, but only its owner changes its permissions.
                    with suppress(PermissionError):
                        os.fchmod(file.fileno(), 0o775 if executable else 0o664)

    def rename(self, path: str, name: str) -> None:
        """Give what is here another name in its folder."""
        with self._parent(path) as (parent, old):
            os.rename(old, name, src_dir_fd=parent, dst_dir_fd=parent)

    def link(self, path: str, target: str) -> None:
        """Have a symbolic link here; what it points at is not looked at."""
        self.remove(path)
        with self._parent(path, make=True) as (parent, name):
            os.symlink(target, name, dir_fd=parent)

    def remove(self, path: str) -> None:
        """Have no file here; folders that this empties go too."""
        try:
            with self._parent(path) as (parent, name):
                os.unlink(name, dir_fd=parent)
        except (FileNotFoundError, NotADirectoryError):
            return
        parts = parts_of(path)[:-1]
        while parts:
            try:
                with self._parent("/".join(parts)) as (parent, name):
                    os.rmdir(name, dir_fd=parent)
            except OSError:
                return
            parts = parts[:-1]

    def walk(self, *, leave_out: frozenset[str] = frozenset({".git"})) -> Iterator[str]:
        """All files and links, sorted by name in each folder; folders of these names at the root are left out.

        Raises:
            Unreadable: a folder may not be looked into.
        """
        # Not by recursion: a folder can lie deeper than Python's stack.
        left = [("", True)]
        while left:
            path, is_folder = left.pop()
            if is_folder:
                below = self._entries(path)
                left += [one for one in reversed(below) if path or not (one[1] and one[0] in leave_out)]
            else:
                yield path

    def _entries(self, folder: str) -> list[tuple[str, bool]]:
        """Paths in a folder, sorted by name, and whether each is a folder."""
        with _told(folder):
            handle = self._open_folder(folder)
            try:
                with os.scandir(handle) as entries:
                    found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
            finally:
                os.close(handle)
        return [(f"{folder}/{name}" if folder else name, is_folder) for name, is_folder in found]

    def _open_folder(self, folder: str) -> int:
        if not folder:
            return os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with self._parent(folder) as (parent, name):
            return os.open(name, _FOLDER, dir_fd=parent)

    @contextmanager
    def _parent(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        *folders, name = parts_of(path)
        handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for folder in folders:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(folder, 0o2775, dir_fd=handle)
                try:
                    below = os.open(folder, _FOLDER, dir_fd=handle)
                except (FileNotFoundError, PermissionError):
                    raise
                except OSError:
                    raise NotBeneath(f"`{path}` leads through `{folder}`, which is no folder") from None
                os.close(handle)
                handle = below
            yield handle, name
        finally:
            os.close(handle)
