//! Who listens at a port, as far as `/proc` tells this user.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;

/// How the kernel spells that a socket listens.
const LISTENING: &str = "0A";

/// The process that listens at `port`: its id and its command line.
pub(super) fn of(port: u16) -> Option<String> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        name.parse::<u32>().ok()
    });
    for pid in processes {
        // Those of other users are not readable.
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            continue;
        };
        let links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
        if links.into_iter().any(|link| {
            sockets
                .iter()
                .any(|socket| link.as_os_str().as_bytes() == socket.as_bytes())
        }) {
            // The program alone: arguments may hold secrets, and doctor's words are passed on.
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let program = line.split(|byte| *byte == 0).next().unwrap_or_default();
            return Some(format!(
                "process {pid}, `{}`",
                crate::error::one_line(&String::from_utf8_lossy(program))
            ));
        }
    }
    None
}

/// The inodes of sockets in `table` that listen at `port`.
fn listening(table: &str, port: u16) -> Vec<String> {
    let wanted = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let fits = fields.get(1)?.ends_with(&wanted) && *fields.get(3)? == LISTENING;
            fits.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_found_by_its_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let owner = of(listener.local_addr().unwrap().port()).unwrap();
        let own = format!("process {},", std::process::id());
        assert!(owner.starts_with(&own), "{owner}");
    }
}
