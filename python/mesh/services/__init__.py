"""Service views: several dependencies of a tool, as the methods of one object."""
