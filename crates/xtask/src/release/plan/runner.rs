//! The machines that targets are built on.

use crate::release::Target;
use crate::release::target::{Cpu, Os};

/// The oldest system of each kind that GitHub still offers, native to the target's CPU.
pub(super) fn of(target: Target) -> &'static str {
    match (target.os, target.cpu) {
        (Os::Linux, Cpu::Amd64) => "ubuntu-22.04",
        (Os::Linux, Cpu::Arm64) => "ubuntu-22.04-arm",
        (Os::MacOs, Cpu::Amd64) => "macos-15-intel",
        (Os::MacOs, Cpu::Arm64) => "macos-15",
        (Os::Windows, Cpu::Amd64) => "windows-2022",
        (Os::Windows, Cpu::Arm64) => "windows-11-arm",
    }
}
