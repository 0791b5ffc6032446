"""The distribution's name as a module: its version. The API is the package `mesh`."""

from mesh._mesh import __version__

__all__ = ["__version__"]
