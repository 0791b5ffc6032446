//! Test support: a registry of one's own, homes, fake agents, snapshots; never shipped.
