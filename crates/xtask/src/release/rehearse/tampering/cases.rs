//! The cases themselves.

use mesh_test::{Fault, Hub};

use super::forgery::Forgery;
use crate::release::Checksums;
use crate::release::channel::Place;

/// Something bad, what somebody does who does not know of it, and what he is told.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// Changes the newest release, the hub or the place.
    pub(super) tamper: fn(&Forgery, &Hub, &Place) -> anyhow::Result<()>,
    /// Shell lines that run before the attempt, where it runs.
    pub(super) before: &'static str,
    pub(super) needs_mount: bool,
    pub(super) server: Server,
    pub(super) attempt: Attempt,
    /// Words that the messages must hold, all of them.
    pub(super) says: &'static [&'static str],
}

/// Who answers.
pub(super) enum Server {
    Hub,
    Nobody,
}

/// What the user does, with further arguments.
pub(super) enum Attempt {
    Update(&'static str),
    Install(&'static str),
    /// A line for the shell.
    ByHand(&'static str),
}

const UPDATE: Attempt = Attempt::Update("");
const INSTALL: Attempt = Attempt::Install("");

/// The usual case: nothing is changed, the hub answers.
const PLAIN: Case = Case {
    name: "",
    tamper: |_, _, _| Ok(()),
    before: "",
    needs_mount: false,
    server: Server::Hub,
    attempt: UPDATE,
    says: &[],
};

/// A disk that has no room left under the folder of the programs.
const FULL_DISK: &str = r#"
mkdir "$HOME/disk"
mount -t tmpfs -o size=64m tmpfs "$HOME/disk"
cp -a "$HOME/.local/bin/." "$HOME/disk/"
mount --bind "$HOME/disk" "$HOME/.local/bin"
dd if=/dev/zero of="$HOME/disk/filler" bs=1M status=none 2>/dev/null || true
"#;

/// A folder of programs that nobody may write to, root included.
const READ_ONLY: &str = r#"
mount --bind "$HOME/.local/bin" "$HOME/.local/bin"
mount -o remount,ro,bind "$HOME/.local/bin"
"#;

/// A PATH with what an installer needs, less every program that computes checksums.
const NO_CHECKSUM_PROGRAM: &str = r#"
mkdir "$HOME/tools"
for tool in awk basename cat chmod cp curl cut dirname env getent grep gzip head id ldd ln ls mkdir mktemp mv rm rmdir sed sh sort tail tar touch tr uname wc bash; do
  path=$(command -v "$tool") && ln -s "$path" "$HOME/tools/$tool"
done
PATH=$HOME/tools
"#;

/// A machine whose `uname` reports a CPU that no release is built for.
const OTHER_CPU: &str = r#"
mkdir "$HOME/tools"
printf '#!/bin/sh\ncase $1 in -m) echo riscv64 ;; -s | "") echo Linux ;; *) exec /usr/bin/uname "$@" ;; esac\n' >"$HOME/tools/uname"
chmod +x "$HOME/tools/uname"
PATH=$HOME/tools:$PATH
"#;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "update: tampered archive",
        tamper: |forgery, _, _| forgery.append(&Forgery::archive()),
        says: &["is not the file that was signed"],
        ..PLAIN
    },
    Case {
        name: "update: tampered installer",
        tamper: |forgery, _, _| forgery.append("mcp-mesh-installer.sh"),
        says: &["mcp-mesh-installer.sh", "is not the file that was signed"],
        ..PLAIN
    },
    Case {
        name: "update: tampered installer, checksums listed again",
        tamper: |forgery, _, _| {
            forgery.append("mcp-mesh-installer.sh")?;
            forgery.list_again()
        },
        says: &["signature"],
        ..PLAIN
    },
    Case {
        name: "update: replayed signature",
        tamper: |forgery, _, _| forgery.replay(),
        says: &["was made for another one"],
        ..PLAIN
    },
    Case {
        name: "update: missing signature",
        tamper: |forgery, _, _| forgery.remove(Checksums::SIGNATURE),
        says: &[Checksums::SIGNATURE],
        ..PLAIN
    },
    Case {
        name: "update: a 404 page with a script in it",
        tamper: |_, hub, _| {
            let script = "#!/bin/sh\ntouch \"$HOME/executed\"\n".to_owned();
            hub.spoil("mcp-mesh-installer.sh", Fault::MissingWith(script));
            Ok(())
        },
        attempt: Attempt::ByHand(
            r#""$HOME/.local/bin/meshctl" self update; code=$?; [ ! -e "$HOME/executed" ] || exit 99; (exit $code)"#,
        ),
        says: &["mcp-mesh-installer.sh` does not exist"],
        ..PLAIN
    },
    Case {
        name: "update: truncated download",
        tamper: |_, hub, _| {
            hub.spoil(&Forgery::archive(), Fault::Truncated);
            Ok(())
        },
        says: &["mcp-mesh"],
        ..PLAIN
    },
    Case {
        name: "update: full disk",
        before: FULL_DISK,
        needs_mount: true,
        says: &["space"],
        ..PLAIN
    },
    Case {
        name: "update: unwritable install folder",
        before: READ_ONLY,
        needs_mount: true,
        says: &[".local/bin"],
        ..PLAIN
    },
    Case {
        name: "update: no network",
        server: Server::Nobody,
        says: &["127.0.0.1"],
        ..PLAIN
    },
    Case {
        name: "update: a version that does not exist",
        attempt: Attempt::Update("--version 99.0.0"),
        says: &["99.0.0"],
        ..PLAIN
    },
    Case {
        name: "update: a receipt of another install",
        before: r#"sed -i "s,\"install_prefix\":\"[^\"]*\",\"install_prefix\":\"/elsewhere/bin\"," "$HOME/.config/mcp-mesh/mcp-mesh-receipt.json""#,
        says: &["/elsewhere"],
        ..PLAIN
    },
    Case {
        name: "by hand: tampered installer",
        tamper: |forgery, _, _| forgery.append("mcp-mesh-installer.sh"),
        attempt: Attempt::ByHand(
            r#"url=$MCP_MESH_INSTALLER_GHE_BASE_URL/$REPOSITORY/releases/download/v$NEW
mkdir verify && cd verify && for file in mcp-mesh-installer.sh SHA256SUMS SHA256SUMS.minisig; do curl -fsSO "$url/$file"; done
minisign -V -m SHA256SUMS -P "$KEY" && sha256sum --check --ignore-missing SHA256SUMS"#,
        ),
        says: &["mcp-mesh-installer.sh: FAILED"],
        ..PLAIN
    },
    Case {
        name: "installer: tampered archive",
        tamper: |forgery, _, _| forgery.append(&Forgery::archive()),
        attempt: INSTALL,
        says: &["checksum"],
        ..PLAIN
    },
    Case {
        name: "installer: missing archive, an HTML page instead",
        tamper: |_, hub, _| {
            hub.spoil(&Forgery::archive(), Fault::Missing);
            Ok(())
        },
        attempt: INSTALL,
        says: &["404"],
        ..PLAIN
    },
    Case {
        name: "installer: truncated download",
        tamper: |_, hub, _| {
            hub.spoil(&Forgery::archive(), Fault::Truncated);
            Ok(())
        },
        attempt: INSTALL,
        says: &["download"],
        ..PLAIN
    },
    Case {
        name: "installer: no program that computes checksums",
        before: NO_CHECKSUM_PROGRAM,
        attempt: INSTALL,
        says: &["sha256sum"],
        ..PLAIN
    },
    Case {
        name: "installer: full disk",
        before: FULL_DISK,
        needs_mount: true,
        attempt: INSTALL,
        says: &["space"],
        ..PLAIN
    },
    Case {
        name: "installer: unwritable install folder",
        before: READ_ONLY,
        needs_mount: true,
        attempt: INSTALL,
        says: &[".local/bin"],
        ..PLAIN
    },
    Case {
        name: "installer: wrong architecture",
        before: OTHER_CPU,
        attempt: INSTALL,
        says: &["riscv64"],
        ..PLAIN
    },
    Case {
        name: "installer: no network",
        server: Server::Nobody,
        attempt: INSTALL,
        says: &["127.0.0.1"],
        ..PLAIN
    },
    Case {
        name: "installer: a version that does not exist",
        attempt: Attempt::Install("--version 99.0.0"),
        says: &["99.0.0"],
        ..PLAIN
    },
];
