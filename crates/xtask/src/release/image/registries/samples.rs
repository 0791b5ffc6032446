//! For tests: small images of two platforms, made without a builder.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::copy::Place;
use super::{Digest, Logins, Loopback, Pinned, Skopeo, Transport};

/// An index of two platforms whose only layer holds `content`, put into `registry` as `path`.
pub(crate) fn image(registry: &Loopback, path: &str, content: &str) -> Pinned {
    let folder = tempfile::tempdir().expect("a folder");
    let digest = layout(folder.path(), content);
    let pinned = Pinned {
        repository: format!("{}/{path}", registry.host())
            .parse()
            .expect("a name"),
        digest,
    };
    let skopeo = Skopeo::new(&Logins::default(), Transport::Usual).expect("no login to write");
    let target = skopeo.place(&pinned.repository, pinned.to_string());
    skopeo
        .copy(&Place::Layout(folder.path()), &target)
        .expect("a registry that takes it");
    pinned
}

/// Gives what lies at `pinned` a tag.
pub(crate) fn tag(pinned: &Pinned, tag: &str) {
    let skopeo = Skopeo::new(&Logins::default(), Transport::Usual).expect("no login to write");
    let place = |reference| skopeo.place(&pinned.repository, reference);
    skopeo
        .copy(
            &place(pinned.to_string()),
            &place(pinned.repository.with_tag(tag)),
        )
        .expect("a registry that takes it");
}

fn layout(folder: &Path, content: &str) -> Digest {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a new folder");
    let blob = |kind: &str, bytes: &[u8]| -> Value {
        let digest = Digest::of(bytes).to_string();
        let name = digest.trim_start_matches("sha256:");
        fs::write(blobs.join(name), bytes).expect("a writable folder");
        json!({
            "mediaType": format!("application/vnd.oci.image.{kind}"),
            "digest": digest,
            "size": bytes.len(),
        })
    };
    let manifests: Vec<_> = ["amd64", "arm64"]
        .map(|cpu| {
            let mut archive = tar::Builder::new(Vec::new());
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive
                .append_data(&mut header, "content", content.as_bytes())
                .expect("a Vec never refuses");
            let bytes = archive.into_inner().expect("a Vec never refuses");
            let config = json!({
                "architecture": cpu,
                "os": "linux",
                "rootfs": { "type": "layers", "diff_ids": [Digest::of(&bytes).to_string()] },
            });
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": blob("config.v1+json", config.to_string().as_bytes()),
                "layers": [blob("layer.v1.tar", &bytes)],
            });
            let mut entry = blob("manifest.v1+json", manifest.to_string().as_bytes());
            entry["platform"] = json!({ "architecture": cpu, "os": "linux" });
            entry
        })
        .into();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    })
    .to_string();
    let top = json!({
        "schemaVersion": 2,
        "manifests": [blob("index.v1+json", index.as_bytes())],
    });
    fs::write(folder.join("index.json"), top.to_string()).expect("a writable folder");
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .expect("a writable folder");
    Digest::of(index.as_bytes())
}
